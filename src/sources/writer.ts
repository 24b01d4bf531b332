/**
 * The contract of a source that also takes writes: runs each mutation once, in a transaction, and
 * says later, from the log's content alone, whether a write has come through.
 */
import type { MutationError } from "../protocol/mutation-error.ts";
import type { JsonValue, Row } from "../protocol/row.ts";

/** What a mutation's handler writes with: statements of one transaction. */
export interface SqlTransaction {
  /**
   * Runs one statement; `$1`, `$2`, … stand for the values.
   * @throws what the driver throws; the transaction is rolled back unless the handler catches and the database allows to go on
   */
  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: R[]; readonly rowCount: number }>;
}

/** Writes to channels that the program itself declares, gathered for one commit. */
export interface ChannelWrites {
  upsert(channel: string, rows: object | readonly object[]): void;
  remove(channel: string, keys: string | readonly string[]): void;
}

/** What a handler writes with: a database's transaction, or the program's own channels. */
type WriteTools = { readonly tx: SqlTransaction } | { readonly write: ChannelWrites };

/** Where the tables stand: in the log, and, as the source has said it, in the source. */
export interface Standing {
  readonly epoch: string;
  readonly seq: number;
  readonly sourcePosition: string | undefined;
}

/** The row that a write expects to be as its caller saw it. */
export interface Guard {
  readonly channel: string;
  readonly key: string;
  /** Where the source stands in the tables that it is compared with. */
  readonly sourcePosition: string | undefined;
  /** Whether the row, of which nobody else can write now, is still the one that was seen. */
  readonly isCurrent: (row: LockedRow) => boolean;
}

export interface LockedRow {
  /** Undefined when it does not exist. */
  readonly row: Row | undefined;
  /** What wrote it last; undefined when it does not exist. */
  readonly lastWrite: string | undefined;
  /** What wrote it since the guard's position; undefined when that can't be told. */
  readonly writesSince: readonly string[] | undefined;
}

export interface WriteCall {
  /** The same id again is the same write again. */
  readonly id: string;
  /** Of what is to be done: another fingerprint under the same id is refused. */
  readonly fingerprint: string;
  /** Who asks, as text: equal for equal identities. */
  readonly caller: string;
  readonly guard: Guard | undefined;
  /** Does the work. What it throws rolls everything back. */
  readonly run: (tools: WriteTools) => Promise<JsonValue | undefined>;
}

export type WriteOutcome =
  | { readonly kind: "written"; readonly write: string; readonly value: JsonValue | undefined }
  /** Nothing was written, now or ever under this id. */
  | { readonly kind: "rejected"; readonly error: MutationError }
  /** The guard found another row than was seen. Nothing was written. */
  | { readonly kind: "stale"; readonly row: Row | undefined };

export interface Writer {
  /**
   * Runs a write, or tells what became of it when it was run before, here or anywhere.
   * @throws TidemarkError `SOURCE_DOWN` when it is not known whether it ran; calling again finds out
   */
  run(call: WriteCall): Promise<WriteOutcome>;
  /** Which writes the tables hold that stand there. */
  covers(standing: Standing): (write: string) => boolean;
  /** Whether the text names a write of this source. */
  isWrite(text: string): boolean;
  /** Marks the caller's open transaction as one that somebody waits for, and names it. Absent where there are no transactions of others. */
  mark?(transaction: unknown): Promise<string>;
}
