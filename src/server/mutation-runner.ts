/**
 * Runs one mutation, once per id: checks its input, lets the writer of its source run the handler in
 * a transaction, or runs it on the program's own channels, and tells where the write will land.
 */
import { createHash } from "node:crypto";
import type { Logger } from "pino";
import { messageOf, TidemarkError } from "../std/errors.ts";
import type { Log } from "../log/log.ts";
import { MutationError } from "../protocol/mutation-error.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import { compileWhere } from "../protocol/where.ts";
import type { Guard, LockedRow, Writer } from "../sources/writer.ts";
import { whereContextOf } from "../table/channel.ts";
import type { Replica } from "../table/replica.ts";
import { policyFor, type Policy } from "./access.ts";
import type { Landing, Landings } from "./landings.ts";
import type { ChannelWrites, MutationDefinition } from "./mutation.ts";
import type { Identity } from "./session.ts";

export interface MutationRequest {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  /** Where the caller saw the row that it changes. */
  readonly expected: { readonly epoch: string; readonly seq: number } | undefined;
  readonly caller: Identity;
  /** What the same caller wrote lately: its own writes are no surprise to it. */
  readonly ownWrites: OwnWrites;
}

export type MutationOutcome =
  | { readonly kind: "written"; readonly landing: Landing; readonly value: JsonValue | undefined }
  | { readonly kind: "rejected"; readonly error: MutationError };

/** Fills and appends one commit of the program's own channels. */
export type WriteChannels = (fill: (write: ChannelWrites) => void) => Promise<number>;

export interface MutationRunnerOptions {
  readonly definitions: ReadonlyMap<string, MutationDefinition>;
  readonly writers: ReadonlyMap<string, Writer>;
  readonly writeChannels: WriteChannels;
  readonly log: Log;
  readonly replica: Replica;
  readonly landings: Landings;
  readonly policies: ReadonlyMap<string, Policy>;
  readonly logger: Logger;
}

const OWN_WRITES_MAX = 100;
/** Mutations on the program's own channels that are remembered. They are as old as the process at most, like the channels. */
const REMEMBERED_MAX = 10_000;

/** The last writes of one caller. Full: the oldest is forgotten, and may then surprise it. */
export class OwnWrites {
  readonly #names = new Set<string>();

  note(source: string, write: string | number): void {
    this.#names.add(`${source}:${write}`);
    const oldest = this.#names.values().next().value;
    if (this.#names.size > OWN_WRITES_MAX && oldest !== undefined) this.#names.delete(oldest);
  }

  has(source: string, write: string | number): boolean {
    return this.#names.has(`${source}:${write}`);
  }
}

interface Prepared {
  readonly request: MutationRequest;
  readonly definition: MutationDefinition;
  readonly input: unknown;
  readonly fingerprint: string;
  readonly row: { readonly channel: string; readonly key: string } | undefined;
}

export class MutationRunner {
  readonly #options: MutationRunnerOptions;
  readonly #remembered = new Map<string, { readonly fingerprint: string; readonly outcome: Promise<MutationOutcome> }>();

  constructor(options: MutationRunnerOptions) {
    this.#options = options;
  }

  /** @throws TidemarkError `SOURCE_DOWN`, `LOG_FULL`: not known, or not done; asking again with the same id finds out */
  async run(request: MutationRequest): Promise<MutationOutcome> {
    try {
      const prepared = await this.#prepare(request);
      const { source } = prepared.definition;
      return await (source === "memory" || (source === undefined && this.#options.writers.size === 0) ? this.#remember(prepared) : this.#runOnSource(prepared));
    } catch (error) {
      if (error instanceof MutationError) return { kind: "rejected", error };
      throw error;
    }
  }

  async #prepare(request: MutationRequest): Promise<Prepared> {
    const definition = this.#options.definitions.get(request.name);
    if (definition === undefined) throw new MutationError("UNKNOWN_MUTATION", `There is no mutation "${request.name}" here.`);
    const result = await definition.input["~standard"].validate(request.input);
    if (result.issues !== undefined) {
      const issues = result.issues.map(({ path, message }) => ({ path: (path ?? []).map((part) => String(typeof part === "object" ? part.key : part)).join("."), message }));
      throw new MutationError("BAD_INPUT", issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; "), { data: issues });
    }
    const row = request.expected === undefined ? undefined : definition.row?.(result.value as never);
    if (request.expected !== undefined && row === undefined) {
      throw new MutationError("BAD_INPUT", `"${request.name}" does not say which row it changes, so no position can be expected of it. Declare \`row\`.`);
    }
    const fingerprint = createHash("sha256").update(JSON.stringify([request.name, request.input ?? null])).digest("hex").slice(0, 32);
    return { request, definition, input: result.value, fingerprint, row };
  }

  async #runOnSource(prepared: Prepared): Promise<MutationOutcome> {
    const { request, definition, input, fingerprint } = prepared;
    const { id, caller, ownWrites } = request;
    const [source, writer] = this.#writerOf(definition);
    const outcome = await writer.run({
      id, fingerprint,
      guard: this.#guard(prepared, source, writer),
      run: async (tx) => jsonOf(await (definition.handler as (call: object) => unknown)({ caller, input, mutationId: id, tx })),
    });
    switch (outcome.kind) {
      case "rejected":
        return outcome;
      case "stale":
        return { kind: "rejected", error: this.#stale(prepared, outcome.row) };
      case "written":
        ownWrites.note(source, outcome.write);
        return { kind: "written", landing: { kind: "write", source, write: outcome.write }, value: outcome.value };
    }
  }

  #writerOf({ source }: MutationDefinition): readonly [string, Writer] {
    const { writers } = this.#options;
    const found = [...writers].filter(([name]) => source === undefined || name === source);
    const [only] = found;
    if (only !== undefined && found.length === 1) return only;
    throw new TidemarkError("BAD_OPTION", source === undefined ? `Several sources take writes (${[...writers.keys()].join(", ")}); the mutation has to name one.` : `No source "${source}" takes writes.`);
  }

  /** A row is as it was seen when it has not changed here since, and nobody has written it that we have not read. */
  #guard({ request, row }: Prepared, source: string, writer: Writer): Guard | undefined {
    if (row === undefined || request.expected === undefined) return undefined;
    const { replica } = this.#options;
    const { expected, ownWrites } = request;
    const { channel, key } = row;
    const isCurrent = ({ exists, lastWrite, isUnchanged }: LockedRow): boolean => {
      if (lastWrite !== undefined && ownWrites.has(source, lastWrite)) return true;
      const position = replica.positionOf(source);
      const node = replica.table(channel)?.rows.get(key);
      const isRead = lastWrite === undefined || (position !== undefined && writer.covers(position, lastWrite));
      return isUnchanged && isRead && exists === (node !== undefined) && this.#isAsSeen(expected, row);
    };
    return { channel, key, position: replica.positionOf(source), isCurrent };
  }

  #isAsSeen({ epoch, seq }: { readonly epoch: string; readonly seq: number }, { channel, key }: { readonly channel: string; readonly key: string }): boolean {
    const { log, replica } = this.#options;
    return epoch === log.epoch && replica.table(channel)?.rows.hasChangedSince(key, seq) === false;
  }

  /** The caller gets the row as it is now, if it may see it. */
  #stale({ request, row }: Prepared, present: Row | undefined): MutationError {
    return new MutationError("STALE_WRITE", "Someone else has changed the row since you saw it.", { row: present !== undefined && row !== undefined && this.#maySee(request.caller, row.channel, present) ? present : null });
  }

  #maySee(caller: Identity, channel: string, row: Row): boolean {
    const { policies, replica } = this.#options;
    const table = replica.table(channel);
    if (table === undefined) return false;
    try {
      const where = policyFor(policies.get(channel), caller, channel);
      return where === undefined || compileWhere(where, whereContextOf(table.channel))(row);
    } catch {
      return false;
    }
  }

  /** What ran once in this process is not run again. A failure that may pass is forgotten. */
  #remember(prepared: Prepared): Promise<MutationOutcome> {
    const { request: { id }, fingerprint } = prepared;
    const known = this.#remembered.get(id);
    if (known !== undefined) {
      if (known.fingerprint === fingerprint) return known.outcome;
      throw new MutationError("MUTATION_CONFLICT", "This mutation_id was used for another write. Make a new one for each.");
    }
    const outcome = this.#runInMemory(prepared).catch((error: unknown): MutationOutcome => {
      if (error instanceof MutationError) return { kind: "rejected", error };
      this.#remembered.delete(id);
      throw error;
    });
    this.#remembered.set(id, { fingerprint, outcome });
    const oldest = this.#remembered.keys().next().value;
    if (this.#remembered.size > REMEMBERED_MAX && oldest !== undefined) this.#remembered.delete(oldest);
    return outcome;
  }

  async #runInMemory(prepared: Prepared): Promise<MutationOutcome> {
    const { request: { id, caller, ownWrites }, definition, input } = prepared;
    const writes: ((write: ChannelWrites) => void)[] = [];
    const write: ChannelWrites = {
      upsert: (channel, rows) => void writes.push((target) => target.upsert(channel, rows)),
      remove: (channel, keys) => void writes.push((target) => target.remove(channel, keys)),
    };
    const value = await this.#handle(definition, { caller, input, mutationId: id, write });
    await this.#checkInMemory(prepared);
    const seq = await this.#options.writeChannels((target) => {
      for (const change of writes) change(target);
    });
    ownWrites.note("memory", seq);
    return { kind: "written", landing: { kind: "seq", seq }, value };
  }

  async #handle(definition: MutationDefinition, call: object): Promise<JsonValue | undefined> {
    try {
      return jsonOf(await (definition.handler as (call: object) => unknown)(call));
    } catch (cause) {
      if (cause instanceof MutationError) throw cause;
      this.#options.logger.error({ err: cause }, "mutation failed");
      throw new MutationError("MUTATION_FAILED", "The server could not do this. Nothing was written.", { cause });
    }
  }

  /** Between this check and the append nothing else is appended. */
  async #checkInMemory(prepared: Prepared): Promise<void> {
    const { row, request: { expected, ownWrites } } = prepared;
    const { log, replica, landings } = this.#options;
    if (row === undefined || expected === undefined) return;
    while (replica.seq < log.head) await new Promise<number>((resolve) => landings.wait({ kind: "seq", seq: log.head }, resolve));
    const node = replica.table(row.channel)?.rows.get(row.key);
    if (node !== undefined && ownWrites.has("memory", node.seq)) return;
    if (!this.#isAsSeen(expected, row)) throw this.#stale(prepared, node?.row);
  }
}

/** What a handler returned, as it will travel. @throws MutationError for what JSON can't carry */
function jsonOf(value: unknown): JsonValue | undefined {
  try {
    const text = JSON.stringify(value) as string | undefined;
    return text === undefined ? undefined : (JSON.parse(text) as JsonValue);
  } catch (cause) {
    throw new MutationError("MUTATION_FAILED", `The mutation returned something that is not JSON: ${messageOf(cause)}.`, { cause });
  }
}
