/**
 * The contract of a source that also takes writes: it runs each mutation once, in a transaction,
 * and later decides, from the log's content alone, whether the tables hold a write.
 */
import type { MutationError } from "../protocol/mutation-error.ts";
import type { JsonValue, Row } from "../protocol/row.ts";

/** The statements of one database transaction, for a mutation's handler. */
export interface SqlTransaction {
  /**
   * Runs one statement; `$1`, `$2`, … stand for the values.
   * @throws the driver's errors; the transaction is rolled back unless the handler catches the
   * error and the database can continue
   */
  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ readonly rows: R[]; readonly rowCount: number }>;
}

/** Writes to channels that the program declares, collected for one commit. */
export interface ChannelWrites {
  upsert(channel: string, rows: object | readonly object[]): void;
  remove(channel: string, keys: string | readonly string[]): void;
}

/** The means by which a handler writes: a database's transaction, or the program's own channels. */
type WriteTools = { readonly tx: SqlTransaction } | { readonly write: ChannelWrites };

/**
 * The state of the tables: the seq of the log and the source position up to which they hold
 * everything.
 */
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
  /** Checks whether the row, which is locked now, is still as the caller saw it. */
  readonly isCurrent: (row: LockedRow) => boolean;
}

export interface LockedRow {
  /** Undefined when it does not exist. */
  readonly row: Row | undefined;
  /** The row's last writer; undefined when the row does not exist. */
  readonly lastWrite: string | undefined;
  /** The row's writers after the guard's source position; undefined when they are not known. */
  readonly writesSince: readonly string[] | undefined;
}

export interface WriteCall {
  /** Unique per write; a repeated id is the same write. */
  readonly id: string;
  /** A hash of the mutation's name and input: another fingerprint under the same id is refused. */
  readonly fingerprint: string;
  /** The caller as text: equal for equal identities. */
  readonly caller: string;
  readonly guard: Guard | undefined;
  /** Runs the handler. An error rolls everything back. */
  readonly run: (tools: WriteTools) => Promise<JsonValue | undefined>;
}

export type WriteOutcome =
  | { readonly kind: "written"; readonly write: string; readonly value: JsonValue | undefined }
  /** Nothing was written, and nothing will be under this id. */
  | { readonly kind: "rejected"; readonly error: MutationError }
  /** The row has changed since the caller saw it. Nothing was written. */
  | { readonly kind: "stale"; readonly row: Row | undefined };

export interface Writer {
  /**
   * Runs a write, or returns its outcome when it ran before, here or on another server. @throws
   * TidemarkError `SOURCE_DOWN` when it is not known whether it ran; calling again finds out
   */
  run(call: WriteCall): Promise<WriteOutcome>;
  /** Tests which writes the tables hold at this point. */
  covers(point: TablePoint): (write: string) => boolean;
  /** Whether the text names a write of this source. */
  isWrite(text: string): boolean;
  /**
   * Names the caller's open transaction, and marks it as awaited. Absent where applications have
   * no transactions of their own.
   */
  txid?(transaction: unknown): Promise<string>;
}
