/**
 * The interface of a Postgres connection that the source needs; a server and the embedded PGlite
 * implement it. Statements select text wherever a driver might convert values.
 */
import type { SqlTransaction } from "../writer.ts";

export type SqlRow = Readonly<Record<string, unknown>>;

export interface SqlQueries {
  /** Runs one statement. Values that are not null are as the driver returns them. */
  query(text: string, parameters?: readonly unknown[]): Promise<readonly SqlRow[]>;
}

/** `snapshot` reads everything as of one snapshot. */
export type TransactionMode = "write" | "snapshot";

export const TRANSACTION_SETTINGS: Readonly<Record<TransactionMode, string>> = {
  write: "SET TRANSACTION READ WRITE",
  // Not read only, because a long copy extends the lease.
  snapshot: "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
};

export interface SqlSession extends SqlQueries {
  /** The application uses this connection as well, so settings must suit both. */
  readonly isShared: boolean;
  /**
   * Runs a statement that is prepared under its name, in the open transaction if there is one. It
   * takes its snapshot after locking its tables. SQL's EXECUTE takes it before, so a TRUNCATE that
   * it waited for would show through. Absent where only one connection exists, since no lock is
   * waited for there.
   */
  readonly prepared?: (
    name: string,
    text: string,
    parameters: readonly unknown[],
  ) => Promise<readonly SqlRow[]>;
  /** Runs `run` in a transaction; rolls back and rethrows when it throws. */
  transaction<T>(mode: TransactionMode, run: (queries: SqlQueries) => Promise<T>): Promise<T>;
  /** Calls `onNotify` for each NOTIFY on `channel`. */
  listen(channel: string, onNotify: () => void): Promise<void>;
  /** Calls `callback` once when the connection is lost. */
  onLost(callback: (reason: string) => void): void;
  /** Destroys the connection: all pending statements fail. */
  abandon(): void;
  close(): Promise<void>;
}

/** Transactions of mutations, on connections other than the reader's. */
export interface SqlWrites {
  /**
   * Runs `run` in a transaction of its own; rolls back and rethrows when it throws.
   * @throws TidemarkError `SOURCE_DOWN` when the connection was lost, so that it is not known
   * whether it was committed
   */
  transaction<T>(run: (transaction: SqlTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface SqlDatabase {
  /** The name in messages: host and database, never credentials. */
  readonly label: string;
  connect(): Promise<SqlSession>;
  openWrites(): SqlWrites;
}

/** Quotes an identifier. */
export function ident(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Quotes a literal. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

export function asText(value: unknown): string {
  return typeof value === "string" ? value : String(value);
}
