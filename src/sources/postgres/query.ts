/** A query of a Postgres database as the run of a polled source. */
import { parseExactJson } from "../../protocol/exact-json.ts";
import type { Row } from "../../protocol/row.ts";
import type { PolledRun } from "../polled/options.ts";
import { databaseOf, type DatabaseAddress } from "./database-address.ts";
import { postgresLimits, type PostgresLimits } from "./limits.ts";
import type { SqlRow, SqlSession } from "./sql.ts";

export interface PostgresQueryOptions {
  /** The server ends a query that takes longer, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  readonly limits?: Partial<PostgresLimits>;
}

/**
 * Runs `sql`, one SELECT, for `polled({ run })`, in a transaction that only reads. `$1` is the
 * value of the source's `parameter`. A value is as Postgres's `to_json` writes it; a number that
 * JavaScript can't hold exactly is a text.
 * @throws TidemarkError `BAD_OPTION` for an invalid `database`
 */
export function postgresQuery(
  database: DatabaseAddress,
  sql: string,
  { timeoutMs = 30_000, limits }: PostgresQueryOptions = {},
): PolledRun {
  const opened = databaseOf(database, postgresLimits(limits));
  const idle: SqlSession[] = [];
  const text = `SELECT to_json(polled)::text AS row FROM (${withoutEnd(sql)}\n) AS polled`;
  const read = (session: SqlSession, values: readonly unknown[]): Promise<readonly SqlRow[]> =>
    session.transaction("snapshot", async ({ query }) => {
      await query("SET TRANSACTION READ ONLY");
      await query("SET LOCAL search_path TO DEFAULT");
      await query("SELECT set_config('statement_timeout', $1, true)", [String(timeoutMs)]);
      return query(text, values);
    });
  const run: PolledRun = async (parameters, signal) => {
    signal.throwIfAborted();
    const session = idle.pop() ?? (await opened.connect());
    const abort = (): void => session.abandon();
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      const rows = await read(session, Object.values(parameters));
      idle.push(session);
      return rows.map(({ row }) => parseExactJson(String(row)) as Row);
    } catch (error) {
      session.abandon();
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  };
  const close = async (): Promise<void> => {
    await Promise.all(idle.splice(0).map((session) => session.close()));
  };
  return Object.assign(run, { close });
}

/** A subquery has no semicolon at its end. */
function withoutEnd(sql: string): string {
  return sql.replace(/[\s;]+$/, "");
}
