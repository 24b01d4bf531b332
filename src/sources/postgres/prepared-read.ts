/**
 * The statement that reads changes, kept prepared by the connection: one for each set of tables
 * that are read together. A statement's name is a hash of its text, so the same set of tables
 * finds its statement again.
 */
import { createHash } from "node:crypto";
import { TidemarkError } from "../../std/errors.ts";
import type { PostgresLimits } from "./limits.ts";
import type { PgSnapshot } from "./pg-snapshot.ts";
import type { SqlQueries, SqlSession } from "./sql.ts";
import {
  parseRead,
  readParameters,
  readStatement,
  SHARED,
  type Read,
  type ReadOptions,
} from "./statements.ts";
import type { Table } from "./tables.ts";

export class PreparedRead {
  readonly #readerId: string;
  readonly #limits: PostgresLimits;
  /** The names of the statements that the present connection keeps. */
  readonly #names = new Set<string>();
  #name = "";
  #text = "";
  #tables: ReadonlyMap<number, Table> = new Map();

  constructor(readerId: string, limits: PostgresLimits) {
    this.#readerId = readerId;
    this.#limits = limits;
  }

  get options(): ReadOptions {
    const { commitRowsMax, rowBytesMax } = this.#limits;
    return { keysMax: commitRowsMax + 2, readerId: this.#readerId, rowBytesMax };
  }

  /** Forgets the former connection's statements. */
  reset(): void {
    this.#names.clear();
  }

  /**
   * Selects the statement for these tables. @throws TidemarkError `SOURCE_DOWN` above
   * `statementsMax`: connect again
   */
  async prepare(
    session: SqlSession,
    tables: readonly Table[],
    queries: SqlQueries = session,
  ): Promise<void> {
    const text = readStatement(tables, this.options);
    const isKept = session.prepared !== undefined || this.#names.has(this.#name);
    if (text === this.#text && isKept) return;
    this.#name = `tidemark_read_${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
    this.#text = text;
    this.#tables = new Map(tables.map((table) => [table.oid, table]));
    this.#names.add(this.#name);
    if (this.#names.size > this.#limits.statementsMax)
      throw new TidemarkError(
        "SOURCE_DOWN",
        "the connection keeps too many statements; another begins with none",
      );
    if (session.prepared !== undefined) return;
    if ((await queries.query(SHARED.find)).length > 0) await queries.query(SHARED.deallocate);
    await queries.query(SHARED.prepare(text));
  }

  /** Reads the changes that have become visible since the snapshot. */
  async run(session: SqlSession, queries: SqlQueries, since: PgSnapshot): Promise<Read> {
    const rows = await (session.prepared?.(this.#name, this.#text, readParameters(since)) ??
      queries.query(SHARED.execute(since)));
    return parseRead(rows, this.#tables, this.#limits.rowDepthMax);
  }
}
