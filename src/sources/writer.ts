/**
 * The contract of a source that also takes writes: it runs each mutation once, in a transaction,
 * and tells later, from the log's content alone, whether the tables hold a write.
 */
import type { MutationError } from "../protocol/mutation-error.ts";
import type { JsonValue, Row } from "../protocol/row.ts";

/** What a mutation's handler writes with: statements of one transaction. */
export interface SqlTransaction {
  /**
   * Runs one statement; `$1`, `$2`, … stand for the values.
   * @throws what the driver throws; the transaction is rolled back unless the handler catches and
   * the database allows to go on
   */
  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: R[]; readonly rowCount: number }>;
}

/** Writes to channels that the program declares, gathered for one commit. */
export interface ChannelWrites {
  upsert(channel: string, rows: object | readonly object[]): void;
  remove(channel: string, keys: string | readonly string[]): void;
}

/** What a handler writes with: a database's transaction, or the program's own channels. */
type WriteTools = { readonly tx: SqlTransaction } | { readonly write: ChannelWrites };

/** What the tables hold: everything up to a seq of the log, and up to a position of the source. */
export interface TablePoint {
  readonly epoch: string;
  readonly seq: number;
  readonly sourcePosition: string | undefined;
}

/** The row that a write expects to be as its caller saw it. */
export interface Guard {
  readonly channel: string;
  readonly key: string;
  /** The source position of the tables in which the row was seen. */
  readonly sourcePosition: string | undefined;
  /** Whether the row, which is locked now, is still the one that was seen. */
  readonly isCurrent: (row: LockedRow) => boolean;
}

export interface LockedRow {
  /** Undefined when it does not exist. */
  readonly row: Row | undefined;
  /** What wrote it last; undefined when it does not exist. */
  readonly lastWrite: string | undefined;
  /** What wrote it after the guard's source position; undefined when that can't be told. */
  readonly writesSince: readonly string[] | undefined;
}

export interface WriteCall {
  /** The same id again is the same write again. */
  readonly id: string;
  /** Of the mutation and its input: another fingerprint under the same id is refused. */
  readonly fingerprint: string;
  /** The caller as text: equal for equal identities. */
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
   * Runs a write, or tells its outcome when it ran before, here or on another server.
   * @throws TidemarkError `SOURCE_DOWN` when it is not known whether it ran; calling again finds
   * out
   */
  run(call: WriteCall): Promise<WriteOutcome>;
  /** Which writes the tables hold at this point. */
  covers(point: TablePoint): (write: string) => boolean;
  /** Whether the text names a write of this source. */
  isWrite(text: string): boolean;
  /**
   * Names the caller's open transaction, and makes it one that somebody waits for. Absent where
   * others have no transactions.
   */
  txid?(transaction: unknown): Promise<string>;
}
