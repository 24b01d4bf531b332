/**
 * The database of the simulation, shared by all nodes: numbered transactions, remembered mutations,
 * and a reader that appends committed writes later, several at once. It keeps the whole history of
 * each key; the history check compares what users saw with it.
 */
import { TidemarkError } from "../src/std/errors.ts";
import type { Random } from "../src/std/random.ts";
import type { CommitDraft, KeyedRow } from "../src/log/log.ts";
import { MutationError } from "../src/protocol/mutation-error.ts";
import type { JsonValue, Row } from "../src/protocol/row.ts";
import type { SqlTransaction, WriteCall, WriteOutcome, Writer } from "../src/sources/writer.ts";
import type { FaultCounts } from "./faults.ts";
import type { Version } from "./history-check.ts";
import type { ActorClock } from "./scheduler.ts";

export const DATABASE = "database";
export const REVIEWS = "reviews";

interface Recorded {
  readonly fingerprint: string;
  readonly outcome: WriteOutcome;
}

export class SimDatabase {
  readonly #random: Random;
  readonly #faults: FaultCounts;
  readonly #rows = new Map<string, Row>();
  readonly #writes = new Map<string, number>();
  readonly #writesOf = new Map<string, number[]>();
  readonly #history = new Map<string, Version[]>();
  readonly #mutations = new Map<string, Recorded>();
  /** Keys that changed since the last read. */
  readonly #unread = new Set<string>();
  #isMarked = false;
  #write = 0;
  isReachable = true;

  constructor(random: Random, faults: FaultCounts) {
    this.#random = random;
    this.#faults = faults;
  }

  get rows(): ReadonlyMap<string, Row> {
    return this.#rows;
  }

  historyOf(key: string): readonly Version[] {
    return this.#history.get(key) ?? [];
  }

  /** A write by a program that does not use Tidemark. */
  set(key: string, row: Row | undefined): void {
    this.#commit(new Map([[key, row]]));
  }

  /**
   * What the reader appends now; undefined when nothing is new. `isWhole` reads all rows, for a log
   * that begins anew.
   */
  read(isWhole: boolean): CommitDraft | undefined {
    const isNews = isWhole || this.#isMarked || this.#unread.size > 0;
    if (!isNews) return undefined;
    const keys = isWhole ? [...this.#rows.keys()] : [...this.#unread];
    const upserts: KeyedRow[] = [];
    const removes: string[] = [];
    for (const key of keys) {
      const row = this.#rows.get(key);
      if (row === undefined) removes.push(key);
      else upserts.push({ key, row });
    }
    this.#unread.clear();
    this.#isMarked = false;
    const changes =
      keys.length === 0 && !isWhole
        ? []
        : [{ channel: REVIEWS, upserts, removes, ...(isWhole && { reload: true as const }) }];
    return {
      changes,
      sourcePosition: String(this.#write),
      source: DATABASE,
      status: [{ status: { status: "live" } }],
    };
  }

  /** The database as one node reaches it. */
  writer(clock: ActorClock): Writer {
    return {
      run: (call) => this.#run(call, clock),
      covers:
        ({ sourcePosition }) =>
        (write) =>
          sourcePosition !== undefined && Number(write) <= Number(sourcePosition),
      isWrite: (text) => /^\d+$/.test(text),
      txid: () => {
        this.#isMarked = true;
        return Promise.resolve(String(++this.#write));
      },
    };
  }

  async #run(call: WriteCall, clock: ActorClock): Promise<WriteOutcome> {
    const pause = (maxMs: number): Promise<void> =>
      new Promise((resolve) => clock.after(this.#random.next() * maxMs, resolve));
    await pause(15);
    this.#perhapsGone();
    const outcome = await this.#transact(call);
    if (this.#random.next() < 0.05 && this.#faults.happens("answer of a commit lost")) throw down();
    await pause(15);
    return outcome;
  }

  /** Transactions never overlap, because none waits; so there are no locks. */
  async #transact({ id, fingerprint, guard, run }: WriteCall): Promise<WriteOutcome> {
    const known = this.#mutations.get(id);
    if (known !== undefined)
      return known.fingerprint === fingerprint
        ? known.outcome
        : { kind: "rejected", error: new MutationError("MUTATION_CONFLICT", "another write") };
    const changes = new Map<string, Row | undefined>();
    let value: JsonValue | undefined;
    const transaction = transactionOn(changes, (key) =>
      changes.has(key) ? changes.get(key) : this.#rows.get(key),
    );
    if (guard !== undefined) {
      const last = this.#writes.get(guard.key);
      const since = guard.sourcePosition;
      const writesSince =
        since === undefined
          ? undefined
          : (this.#writesOf.get(guard.key) ?? [])
              .filter((write) => write > Number(since))
              .map(String);
      const row = this.#rows.get(guard.key);
      if (
        !guard.isCurrent({
          row,
          lastWrite: row === undefined ? undefined : String(last),
          writesSince,
        })
      )
        return { kind: "stale", row };
    }
    try {
      value = await run({ tx: transaction });
    } catch (error) {
      if (!(error instanceof MutationError)) throw error;
      // Another run of the same id may have finished in the meantime; then its outcome counts.
      const outcome: WriteOutcome = this.#mutations.get(id)?.outcome ?? { kind: "rejected", error };
      this.#mutations.set(id, { fingerprint, outcome });
      return outcome;
    }
    const between = this.#mutations.get(id);
    if (between !== undefined) return between.outcome;
    const outcome: WriteOutcome = { kind: "written", write: String(this.#commit(changes)), value };
    this.#mutations.set(id, { fingerprint, outcome });
    return outcome;
  }

  #commit(changes: ReadonlyMap<string, Row | undefined>): number {
    const write = ++this.#write;
    this.#isMarked = true;
    for (const [key, row] of changes) {
      if (row === undefined) this.#rows.delete(key);
      else this.#rows.set(key, row);
      this.#writes.set(key, write);
      this.#writesOf.set(key, [...(this.#writesOf.get(key) ?? []), write]);
      this.#unread.add(key);
      const history = this.#history.get(key) ?? [];
      this.#history.set(key, history);
      history.push({ value: row === undefined ? undefined : String(row["value"]) });
    }
    return write;
  }

  #perhapsGone(): void {
    if (!this.isReachable && this.#faults.happens("database unreachable")) throw down();
  }
}

/** `set`, `insert` and `remove` in place of SQL. */
function transactionOn(
  changes: Map<string, Row | undefined>,
  row: (key: string) => Row | undefined,
): SqlTransaction {
  return {
    query: (text, values = []) => {
      const [key, second] = values as [string, unknown];
      const present = row(key);
      if (text === "remove" && present !== undefined) changes.set(key, undefined);
      if (text === "set" && present !== undefined)
        changes.set(key, { ...present, ...(second as Row) });
      if (text === "insert") changes.set(key, second as Row);
      return Promise.resolve({ rows: [], rowCount: changes.size });
    },
  };
}

function down(): TidemarkError {
  return new TidemarkError("SOURCE_DOWN", "the database does not answer");
}
