/**
 * Installs the change capture in the database, and removes it again. Installing again changes only
 * differences; uninstalling leaves nothing. A table that can't be changed (locked, missing rights)
 * is reported, and the others are installed.
 */
import { createHash } from "node:crypto";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { captureName, captureStatements, releaseStatement } from "./capture.ts";
import { lockForInstalling, schemaVersion } from "./schema.ts";
import { asText, ident, literal, type SqlQueries, type SqlSession } from "./sql.ts";
import type { Table } from "./tables.ts";

export interface FailedTable {
  readonly table: Table;
  readonly reason: string;
}

export interface Installed {
  /** Channels whose triggers were created or replaced. */
  readonly installed: readonly string[];
  /** Channels whose triggers were there already. */
  readonly unchanged: readonly string[];
  readonly failed: readonly FailedTable[];
}

/**
 * Installs triggers, each table's in a transaction of its own, so that no application waits for
 * more than one.
 */
export async function install(
  session: SqlSession,
  tables: readonly Table[],
  lockTimeoutMs: number,
): Promise<Installed> {
  const inPlace = await tablesInPlace(session, tables);
  const installed: string[] = [];
  const failed: FailedTable[] = [];
  for (const table of tables) {
    if (inPlace.has(table)) continue;
    try {
      await createTriggers(session, table, lockTimeoutMs);
      installed.push(table.channel);
    } catch (error) {
      if (!isOfStatement(error)) throw error;
      failed.push({
        table,
        reason: `its triggers could not be installed: ${explain(error, lockTimeoutMs)}`,
      });
    }
  }
  return { installed, unchanged: Array.from(inPlace, ({ channel }) => channel), failed };
}

/**
 * Makes the capture functions of earlier versions do nothing, where this version has not replaced
 * them: they used casts, which the owners of their tables can make. The triggers stay, so that no
 * lock on a table is needed.
 */
export async function releaseFormer(session: SqlSession): Promise<void> {
  const former = await session.query(
    "SELECT proname AS name FROM pg_proc WHERE pronamespace = 'tidemark'::regnamespace AND prorettype = 'trigger'::regtype AND prosrc LIKE '%tidemark.outbox%' AND prosrc NOT LIKE '%WHEN OTHERS%'",
  );
  for (const { name } of former) await session.query(releaseStatement(asText(name)));
}

/**
 * Removes triggers, functions and schema: first the lease, so that nothing is written any more,
 * then the triggers of each table in a transaction of its own. Returns the tables that had
 * triggers; undefined when nothing was installed.
 * @throws TidemarkError `DATABASE_REFUSED`, `MISSING_GRANT` for a schema of that name that
 * Tidemark did not make, `TABLE_REFUSED` for a locked table
 */
export async function uninstall(
  session: SqlSession,
  lockTimeoutMs: number,
): Promise<readonly string[] | undefined> {
  if ((await schemaVersion(session)) === undefined) return undefined;
  await session.query("SELECT setval('tidemark.lease', 0)");
  const functions = await session.query(
    `SELECT p.proname AS name, min(n.nspname) AS schema, min(c.relname) AS table
       FROM pg_proc p LEFT JOIN (pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid AND NOT c.relispartition JOIN pg_namespace n ON n.oid = c.relnamespace) ON t.tgfoid = p.oid
      WHERE p.pronamespace = 'tidemark'::regnamespace AND p.prorettype = 'trigger'::regtype GROUP BY p.proname ORDER BY 2, 3`,
  );
  await session.query("SET client_min_messages = warning");
  for (const { name, schema, table } of functions) {
    // The role owns the function, so it may drop it with its triggers, also on tables of other
    // owners.
    await withTimeout(
      session,
      lockTimeoutMs,
      table === null ? asText(name) : `${asText(schema)}.${asText(table)}`,
      `DROP FUNCTION tidemark.${ident(asText(name))}() CASCADE`,
    );
  }
  await session.query("DROP SCHEMA tidemark CASCADE");
  return functions.flatMap(({ schema, table }) =>
    table === null
      ? []
      : [schema === "public" ? asText(table) : `${asText(schema)}.${asText(table)}`],
  );
}

/**
 * Whether the error is a statement's, and not the connection's. Codes: PostgreSQL
 * documentation, appendix A.
 */
export function isOfStatement(error: unknown): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return (
    typeof code === "string" &&
    typeof severity === "string" &&
    /^[0-9A-Z]{5}$/.test(code) &&
    !/^(08|57P|58)/.test(code)
  );
}

async function withTimeout(
  session: SqlSession,
  lockTimeoutMs: number,
  target: string,
  statement: string,
): Promise<void> {
  try {
    await session.transaction("write", async (queries) => {
      await queries.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
      await queries.query(statement);
    });
  } catch (cause) {
    const code = (cause as { code?: unknown }).code === "42501" ? "MISSING_GRANT" : "TABLE_REFUSED";
    throw new TidemarkError(
      code,
      `Triggers on ${target} could not be removed: ${explain(cause, lockTimeoutMs)}`,
      { cause },
    );
  }
}

function explain(error: unknown, lockTimeoutMs: number): string {
  const isLocked = (error as { code?: unknown }).code === "55P03";
  return isLocked
    ? `a transaction holds a lock on it for longer than ${lockTimeoutMs} ms`
    : messageOf(error);
}

async function createTriggers(
  session: SqlSession,
  table: Table,
  lockTimeoutMs: number,
): Promise<void> {
  await session.transaction("write", async (queries) => {
    await lockForInstalling(queries, lockTimeoutMs);
    // Another server may have installed them meanwhile.
    if ((await tablesInPlace(queries, [table])).size > 0) return;
    // Waits for present writers, so that the triggers capture everything after the copy.
    for (const statement of captureStatements(table)) await queries.query(statement);
    await queries.query(
      `COMMENT ON FUNCTION ${captureName(table)}() IS ${literal(fingerprintOf(table))}`,
    );
  });
}

/**
 * The tables with both triggers installed and current, on all partitions; and, where the role owns
 * the table, enabled always.
 */
async function tablesInPlace(
  queries: SqlQueries,
  tables: readonly Table[],
): Promise<ReadonlySet<Table>> {
  const rows = await queries.query(
    `SELECT r.oid::text AS oid, obj_description(p.oid, 'pg_proc') AS fingerprint,
            (SELECT count(*)::int FROM pg_trigger t WHERE t.tgrelid = r.oid AND t.tgfoid = p.oid AND t.tgenabled <> 'D') AS triggers,
            (SELECT count(*)::int FROM pg_trigger t WHERE t.tgfoid = p.oid AND t.tgenabled <> 'A') AS lame
       FROM unnest('{${tables.map(({ oid }) => oid).join(",")}}'::oid[]) AS r (oid)
       JOIN pg_proc p ON p.proname = 'capture_' || r.oid AND p.pronamespace = 'tidemark'::regnamespace`,
  );
  const states = new Map(rows.map((row) => [asText(row["oid"]), row]));
  return new Set(
    tables.filter((table) => {
      const state = states.get(String(table.oid));
      return (
        state?.["fingerprint"] === fingerprintOf(table) &&
        state["triggers"] === 2 &&
        (state["lame"] === 0 || !table.isOwned)
      );
    }),
  );
}

function fingerprintOf(table: Table): string {
  return createHash("sha256")
    .update(JSON.stringify(captureStatements(table)))
    .digest("hex")
    .slice(0, 16);
}
