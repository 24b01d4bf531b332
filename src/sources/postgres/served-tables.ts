/**
 * Which tables are read and which are suspended: locked, altered, or with contents that fail the
 * read. The channel of a suspended table is stale with the reason, and the other tables are read.
 * Each is tried again, one at a time, after a pause that grows.
 */
import { messageOf } from "../../std/errors.ts";
import type { SourceContext } from "../source.ts";
import { isOfStatement } from "./install.ts";
import type { PostgresLimits } from "./limits.ts";
import type { SqlQueries } from "./sql.ts";
import { lockStatement } from "./stamps.ts";
import type { Table } from "./tables.ts";

interface Entry {
  readonly table: Table;
  /** When to try again; undefined while it is read. */
  readonly dueMs: number | undefined;
  /** The last pause; 0 once it has been copied again. */
  readonly pauseMs: number;
  /** The channel's last status is stale. */
  readonly isStale: boolean;
}

export class ServedTables {
  readonly #context: Pick<SourceContext, "append" | "clock" | "logger">;
  readonly #limits: Pick<PostgresLimits, "retryTableBaseMs" | "retryTableMsMax">;
  readonly #entries: Map<number, Entry>;

  constructor(
    tables: readonly Table[],
    context: Pick<SourceContext, "append" | "clock" | "logger">,
    limits: Pick<PostgresLimits, "retryTableBaseMs" | "retryTableMsMax">,
  ) {
    this.#context = context;
    this.#limits = limits;
    this.#entries = new Map(
      tables.map((table) => [table.oid, { table, dueMs: undefined, pauseMs: 0, isStale: false }]),
    );
  }

  get all(): readonly Table[] {
    return Array.from(this.#entries.values(), ({ table }) => table);
  }

  /** All but those that are suspended. */
  get read(): readonly Table[] {
    return [...this.#entries.values()].flatMap(({ table, dueMs }) =>
      dueMs === undefined ? [table] : [],
    );
  }

  isRead(oid: number): boolean {
    const entry = this.#entries.get(oid);
    return entry !== undefined && entry.dueMs === undefined;
  }

  /** Suspends the table until it is due again, and gives its channel the reason. */
  async suspend(table: Table, reason: string): Promise<void> {
    const { append, clock, logger } = this.#context;
    const entry = this.#entries.get(table.oid);
    if (entry !== undefined) {
      const { retryTableBaseMs, retryTableMsMax } = this.#limits;
      const pauseMs = Math.min(retryTableMsMax, Math.max(retryTableBaseMs, entry.pauseMs * 2));
      const dueMs = clock.monotonic() + pauseMs;
      this.#entries.set(table.oid, { ...entry, pauseMs, dueMs, isStale: true });
    }
    logger.warn({ table: table.channel, reason }, "table suspended");
    await append({
      changes: [],
      status: [{ channels: [table.channel], status: { status: "stale", reason } }],
    });
  }

  /**
   * Runs the read of one table in an open transaction. A failure suspends the table, and the
   * transaction continues. If the connection is lost, the savepoint fails as well.
   */
  async orSuspend(queries: SqlQueries, table: Table, run: () => Promise<unknown>): Promise<void> {
    await queries.query("SAVEPOINT tidemark_table");
    try {
      await run();
      await queries.query("RELEASE SAVEPOINT tidemark_table");
    } catch (error) {
      await queries.query("ROLLBACK TO SAVEPOINT tidemark_table");
      await this.suspend(table, `it can't be read: ${messageOf(error)}`);
    }
  }

  /**
   * Locks the tables for reading. A table that stays locked by others is suspended after a short
   * wait.
   */
  async lock(queries: SqlQueries): Promise<void> {
    const tables = this.read;
    if (tables.length === 0) return;
    await queries.query("SAVEPOINT tidemark_lock");
    try {
      await queries.query(lockStatement(tables));
      await queries.query("RELEASE SAVEPOINT tidemark_lock");
      return;
    } catch (error) {
      if (!isOfStatement(error)) throw error;
      await queries.query("ROLLBACK TO SAVEPOINT tidemark_lock");
    }
    for (const table of tables)
      await this.orSuspend(queries, table, () => queries.query(`${lockStatement([table])} NOWAIT`));
  }

  /** The suspended table that has been due for the longest. */
  get due(): Table | undefined {
    const nowMs = this.#context.clock.monotonic();
    const [first] = [...this.#entries.values()]
      .filter(({ dueMs }) => dueMs !== undefined && dueMs <= nowMs)
      .sort((left, right) => (left.dueMs ?? 0) - (right.dueMs ?? 0));
    return first?.table;
  }

  /** Reads the table from now on. Its rows in the log are old until it is copied. */
  resume({ oid }: Table): void {
    const entry = this.#entries.get(oid);
    if (entry !== undefined) this.#entries.set(oid, { ...entry, dueMs: undefined });
  }

  /**
   * Notes that the table was copied. Returns whether its channel needs the status live.
   */
  noteCopied({ oid }: Table): boolean {
    const entry = this.#entries.get(oid);
    if (entry === undefined || entry.dueMs !== undefined) return false;
    this.#entries.set(oid, { ...entry, pauseMs: 0, isStale: false });
    return entry.isStale;
  }
}
