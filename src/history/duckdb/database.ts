/**
 * A DuckDB file and its connections. Statements run on the driver's threads. One connection
 * writes; at most two read at the same time, so that they leave threads to the rest of the process.
 */
import type * as DuckDB from "@duckdb/node-api";
import { realpathSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, parse, resolve } from "node:path";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { Parameters, type Statement } from "./statement.ts";

export type Driver = typeof DuckDB;

export interface DuckDBOptions {
  /** What DuckDB may use of memory, as `512MB`. Default 512 MB. */
  readonly memoryLimit?: string;
  /** Threads of one query. Default half of the cores, 1 to 4; the others stay with live clients. */
  readonly threads?: number;
  /**
   * The size of a block of a new file, a power of two from 16 KiB to 256 KiB; a file keeps its own.
   * Default 256 KiB. DuckDB holds one or two blocks in memory for each column of each table that
   * rows are added to, however few: small ones suit many tables with few rows, or little memory.
   */
  readonly blockBytes?: number;
}

const BLOCK_BYTES = [16, 32, 64, 128, 256].map((kibibytes) => kibibytes * 1_024);
const BLOCK_BYTES_DEFAULT = 256 * 1_024;

/** With two threads on two cores, DuckDB's threads also spin while they wait for each other. */
function defaultThreads(): number {
  return Math.max(1, Math.min(4, Math.floor(availableParallelism() / 2)));
}

/** Queries at the same time; more wait. */
const READERS_MAX = 2;

/** @throws TidemarkError `BAD_OPTION` when it is not installed */
async function loadDriver(): Promise<Driver> {
  return import("@duckdb/node-api").catch((cause: unknown) => {
    throw new TidemarkError(
      "BAD_OPTION",
      "The history store duckdb() needs the package @duckdb/node-api: npm install @duckdb/node-api.",
      { cause },
    );
  });
}

/**
 * Files that this process has open. The file's own lock keeps other processes away, but is lost
 * when the same process opens the file again.
 */
const openFiles = new Set<string>();

function identityOf(file: string): string {
  const path = resolve(file);
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}

export class DuckDatabase {
  readonly driver: Driver;
  readonly #instance: DuckDB.DuckDBInstance;
  readonly #file: string;
  readonly #writer: DuckDB.DuckDBConnection;
  readonly #idle: DuckDB.DuckDBConnection[] = [];
  readonly #waiting: (() => void)[] = [];
  #readers = 0;
  #writing: Promise<unknown> = Promise.resolve();
  #running = new Set<Promise<unknown>>();
  #isClosed = false;

  private constructor(
    driver: Driver,
    opened: {
      readonly instance: DuckDB.DuckDBInstance;
      readonly writer: DuckDB.DuckDBConnection;
      readonly file: string;
    },
  ) {
    this.driver = driver;
    this.#instance = opened.instance;
    this.#writer = opened.writer;
    this.#file = opened.file;
  }

  /** @throws TidemarkError `HISTORY_IN_USE`, `HISTORY_UNAVAILABLE`, `BAD_OPTION` */
  static async open(
    file: string,
    {
      memoryLimit = "512MB",
      threads = defaultThreads(),
      blockBytes = BLOCK_BYTES_DEFAULT,
    }: DuckDBOptions,
  ): Promise<DuckDatabase> {
    if (parse(file).name.toLowerCase() === "tidemark") throw ambiguousName(file);
    if (!BLOCK_BYTES.includes(blockBytes)) throw badBlockBytes(blockBytes);
    const driver = await loadDriver();
    const identity = identityOf(file);
    if (openFiles.has(identity)) throw inUse(file);
    openFiles.add(identity);
    try {
      const instance = await driver.DuckDBInstance.create(file, {
        memory_limit: memoryLimit,
        threads: String(threads),
        default_block_size: String(blockBytes),
        autoinstall_known_extensions: "false",
      });
      const writer = await instance.connect();
      return new DuckDatabase(driver, { instance, writer, file: identity });
    } catch (cause) {
      openFiles.delete(identity);
      throw /could not set lock/i.test(messageOf(cause)) ? inUse(file, cause) : unavailable(cause);
    }
  }

  /** Runs a task in a transaction of its own, which sees one state of the file. */
  async read<T>(task: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.#enter(signal);
    try {
      signal?.throwIfAborted();
      return await this.#tracked(this.#readOn(task, signal));
    } finally {
      this.#leave();
    }
  }

  /** What a task yields in a transaction of its own, which ends when the caller stops early too. */
  async *stream<T>(
    task: (session: Session) => AsyncIterable<T>,
    signal?: AbortSignal,
  ): AsyncGenerator<T> {
    await this.#enter(signal);
    let ended = (): void => {};
    const running = new Promise<void>((resolve) => (ended = resolve));
    this.#running.add(running);
    let connection: DuckDB.DuckDBConnection | undefined;
    try {
      connection = this.#idle.pop() ?? (await this.#instance.connect());
      const session = new Session(this.driver, connection);
      await session.run("BEGIN TRANSACTION");
      for await (const part of task(session)) {
        signal?.throwIfAborted();
        if (this.#isClosed) throw stopped();
        yield part;
      }
      await session.run("COMMIT");
      this.#idle.push(connection);
      connection = undefined;
    } finally {
      // The connection may still be in its transaction.
      connection?.closeSync();
      this.#leave();
      this.#running.delete(running);
      ended();
    }
  }

  /** Waits for one of the places of readers. */
  async #enter(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#isClosed) throw stopped();
    while (this.#readers >= READERS_MAX) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (this.#isClosed) {
      this.#waiting.shift()?.();
      throw stopped();
    }
    this.#readers++;
  }

  #leave(): void {
    this.#readers--;
    this.#waiting.shift()?.();
  }

  async #readOn<T>(task: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const connection = this.#idle.pop() ?? (await this.#instance.connect());
    const interrupt = (): void => connection.interrupt();
    signal?.addEventListener("abort", interrupt);
    try {
      const result = await inTransaction(new Session(this.driver, connection), task);
      this.#idle.push(connection);
      return result;
    } catch (error) {
      // The interrupted connection may still be in its transaction.
      connection.closeSync();
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", interrupt);
    }
  }

  /** Runs a task in a transaction, after the tasks that were given before. */
  write<T>(task: (session: Session) => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(stopped());
    const session = new Session(this.driver, this.#writer);
    const written = this.#writing.then(() => inTransaction(session, task));
    this.#writing = written.catch(() => {});
    return this.#tracked(written);
  }

  /** Moves what the write-ahead log holds into the file. */
  async checkpoint(): Promise<void> {
    if (this.#isClosed) return;
    const session = new Session(this.driver, this.#writer);
    const running = this.#writing
      .then(() => session.run("CHECKPOINT"))
      .catch(() => {
        // Another transaction is running; the next call tries again.
      });
    this.#writing = running;
    await this.#tracked(running);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
    for (const connection of [...this.#idle, this.#writer]) connection.closeSync();
    this.#instance.closeSync();
    openFiles.delete(this.#file);
  }

  async #tracked<T>(running: Promise<T>): Promise<T> {
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }
}

async function inTransaction<T>(
  session: Session,
  task: (session: Session) => Promise<T>,
): Promise<T> {
  await session.run("BEGIN TRANSACTION");
  try {
    const result = await task(session);
    await session.run("COMMIT");
    return result;
  } catch (error) {
    await session.run("ROLLBACK").catch(() => {
      // DuckDB has rolled back already.
    });
    throw error;
  }
}

/** One connection, within a transaction. */
export class Session {
  readonly driver: Driver;
  readonly #connection: DuckDB.DuckDBConnection;

  constructor(driver: Driver, connection: DuckDB.DuckDBConnection) {
    this.driver = driver;
    this.#connection = connection;
  }

  /** @throws TidemarkError `HISTORY_UNAVAILABLE` */
  async run(
    sql: string,
    parameters: Parameters = new Parameters(),
  ): Promise<readonly Record<string, DuckDB.JS>[]> {
    const statement = await this.#prepared({ sql, parameters });
    try {
      return await (await statement.run()).getRowObjectsJS();
    } catch (cause) {
      throw unavailable(cause);
    } finally {
      statement.destroySync();
    }
  }

  /** The columns of each part of a long answer, as it comes. @throws as `run` */
  async *columns(
    sql: string,
    parameters: Parameters,
  ): AsyncGenerator<readonly (readonly DuckDB.DuckDBValue[])[]> {
    const statement = await this.#prepared({ sql, parameters });
    let result: DuckDB.DuckDBResult | undefined;
    try {
      result = await statement.stream();
      for (;;) {
        const chunk = await result.fetchChunk();
        if (chunk === null || chunk.rowCount === 0) break;
        yield chunk.getColumns();
      }
      result = undefined;
    } catch (cause) {
      throw unavailable(cause);
    } finally {
      statement.destroySync();
      if (result !== undefined) await this.#end(result);
    }
  }

  /** A result that is not read to its end keeps the file open after it was closed. */
  async #end(result: DuckDB.DuckDBResult): Promise<void> {
    this.#connection.interrupt();
    try {
      while (((await result.fetchChunk())?.rowCount ?? 0) > 0);
    } catch {
      // It was interrupted.
    }
  }

  async appender(table: string): Promise<DuckDB.DuckDBAppender> {
    return this.#connection.createAppender(table);
  }

  /** A statement without values yet; the caller destroys it. */
  async prepare(sql: string): Promise<DuckDB.DuckDBPreparedStatement> {
    try {
      return await this.#connection.prepare(sql);
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  async #prepared({ sql, parameters }: Statement): Promise<DuckDB.DuckDBPreparedStatement> {
    const statement = await this.prepare(sql);
    try {
      parameters.bind(statement, this.driver);
      return statement;
    } catch (cause) {
      statement.destroySync();
      throw unavailable(cause);
    }
  }
}

function inUse(file: string, cause?: unknown): TidemarkError {
  return new TidemarkError(
    "HISTORY_IN_USE",
    `Another server has the history store ${file} open. Stop it, or give each server a file of its own.`,
    { cause },
  );
}

/** DuckDB names a database after its file. */
function ambiguousName(file: string): TidemarkError {
  return new TidemarkError(
    "BAD_OPTION",
    `The history store can't be named ${file}: DuckDB would take the file for the schema "tidemark" in it. Choose another name, such as history.duckdb.`,
  );
}

function badBlockBytes(blockBytes: number): TidemarkError {
  return new TidemarkError(
    "BAD_OPTION",
    `The blocks of a DuckDB file can't have ${blockBytes} bytes; blockBytes is one of ${BLOCK_BYTES.join(", ")}.`,
  );
}

export function unavailable(cause: unknown): TidemarkError {
  if (cause instanceof TidemarkError) return cause;
  return new TidemarkError("HISTORY_UNAVAILABLE", `The history store failed: ${messageOf(cause)}`, {
    cause,
  });
}

function stopped(): TidemarkError {
  return new TidemarkError("STOPPED", "The history store has been closed.");
}
