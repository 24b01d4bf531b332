/**
 * Writes the suite's own rows, through a mutation or an ingest that the server's author provides.
 * Both take `{upsert: [row…], remove: [key…]}`, write to the channel in one commit, and answer with
 * its seq.
 */
import type { Row } from "../../protocol/row.ts";
import { systemRandom } from "../../std/random.ts";
import type { RawClient, Headers } from "./raw-client.ts";
import { must } from "./check-result.ts";

/**
 * The columns that the channel needs; `id` is its key. Further columns must not require a value.
 */
export interface OwnRow extends Row {
  readonly id: string;
  readonly kind: string;
  readonly amount: number | null;
  readonly note: string | null;
}

export interface Change {
  readonly upsert?: readonly OwnRow[];
  readonly remove?: readonly string[];
}

/** Writes one commit, and returns its seq. */
export type Write = (change: Change) => Promise<number>;

/** A frame holds 65,536 bytes, and rows of the suite at most a kilobyte. */
const KEYS_PER_WRITE = 40;

export class Writer {
  /** The prefix of ids and kinds of this run, which tells its rows from others in the channel. */
  readonly run = `conf-${systemRandom.id(8)}`;
  readonly #write: Write;
  readonly #writtenIds = new Set<string>();

  constructor(write: Write) {
    this.#write = write;
  }

  row(name: string, kind: string, amount: number | null, note: string | null = null): OwnRow {
    return { id: `${this.run}-${name}`, kind: `${this.run}-${kind}`, amount, note };
  }

  async write({ upsert = [], remove = [] }: Change): Promise<number> {
    for (const { id } of upsert) this.#writtenIds.add(id);
    const seq = await this.#write({ upsert, remove });
    for (const key of remove) this.#writtenIds.delete(key);
    return seq;
  }

  /** Removes all remaining rows. */
  async clear(): Promise<void> {
    const keys = [...this.#writtenIds];
    for (let from = 0; from < keys.length; from += KEYS_PER_WRITE)
      await this.write({ remove: keys.slice(from, from + KEYS_PER_WRITE) });
  }
}

/** `identified` opens the connection for writes when it is first needed. */
export function mutationWrite(name: string, identified: () => Promise<RawClient>): Write {
  let connection: Promise<RawClient> | undefined;
  return async (input) => {
    if (connection === undefined || (await connection).closeCode !== undefined)
      connection = identified();
    const client = await connection;
    const mutation_id = newMutationId();
    const from = client.frameCount;
    client.send({ op: "MUTATE", mutation_id, name, input });
    const { seq, error } = await client.receive({ type: "MUTATION_RESULT", mutation_id }, from);
    must(typeof seq === "number", `the mutation "${name}" did not write`, error ?? seq);
    return seq;
  };
}

export function ingestWrite(url: string, headers: Headers, timeoutMs: number): Write {
  return async (change) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(change),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    must(response.ok, `the ingest answered ${response.status}`, text);
    const { seq } = JSON.parse(text) as { seq?: unknown };
    must(
      typeof seq === "number",
      'the ingest does not answer {"seq": N} with the seq of its commit',
      text,
    );
    return seq;
  };
}

export function newMutationId(): string {
  return `conf-${systemRandom.id(20)}`;
}
