/**
 * The database checks of `tidemark doctor`: whether everything is installed, and whether a server
 * reads.
 */
import type { Clock } from "../../std/clock.ts";
import { connectTo } from "./connect.ts";
import { databaseOf } from "./database-address.ts";
import { DIAGNOSIS_LIMITS } from "./limits.ts";
import { asText, type SqlQueries } from "./sql.ts";

export interface Diagnosis {
  readonly name: string;
  readonly isGood: boolean;
  readonly text: string;
}

/** @throws TidemarkError `SOURCE_DOWN` with the reason, `BAD_OPTION` */
export async function diagnose(url: string): Promise<readonly Diagnosis[]> {
  const session = await connectTo(databaseOf(url));
  try {
    const [schema] = await session.query("SELECT to_regnamespace('tidemark') IS NOT NULL AS there");
    const connecting = await role(session);
    if (schema?.["there"] !== true)
      return [
        connecting,
        {
          name: "schema",
          isGood: false,
          text: 'there is no schema "tidemark": no server has ever been started on this database (tidemark serve)',
        },
      ];
    return [connecting, await triggers(session), await outbox(session), await reader(session)];
  } finally {
    await session.close();
  }
}

/**
 * Runs the user's statement. Returns when it was committed, by this machine's clock, and how long
 * it took.
 */
export async function runChange(
  url: string,
  statement: string,
  clock: Clock,
): Promise<{ readonly committedAtMs: number; readonly tookMs: number }> {
  const session = await connectTo(databaseOf(url));
  try {
    const startMs = clock.monotonic();
    await session.transaction("write", async (queries) => {
      // People write names without their schemas, so the session's search path must have them.
      await queries.query("SET LOCAL search_path TO DEFAULT");
      await queries.query(statement);
    });
    return { committedAtMs: clock.now(), tookMs: clock.monotonic() - startMs };
  } finally {
    await session.close();
  }
}

async function role(session: SqlQueries): Promise<Diagnosis> {
  const [row] = await session.query(
    "SELECT rolname AS name, rolsuper AS super FROM pg_roles WHERE rolname = current_user",
  );
  const name = asText(row?.["name"]);
  if (row?.["super"] !== true)
    return { name: "role", isGood: true, text: `${name}, which is no superuser` };
  // A superuser works, so the check passes, but its text names the risk.
  return {
    name: "role",
    isGood: true,
    text: `${name} is a superuser: a hole in Tidemark would open the whole server. Make a role for Tidemark: tidemark doctor --postgres … --role tidemark prints the SQL`,
  };
}

async function triggers(session: SqlQueries): Promise<Diagnosis> {
  const rows = await session.query(
    `SELECT c.oid::regclass::text AS name, bool_and(t.tgenabled = 'A' OR (t.tgenabled = 'O' AND NOT pg_has_role(c.relowner, 'USAGE'))) AS enabled
       FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
      WHERE p.pronamespace = 'tidemark'::regnamespace AND NOT t.tgisinternal AND NOT c.relispartition GROUP BY 1 ORDER BY 1`,
  );
  const off = rows.filter(({ enabled }) => enabled !== true).map(({ name }) => asText(name));
  if (rows.length === 0) return { name: "triggers", isGood: false, text: "no table has them" };
  if (off.length > 0)
    return {
      name: "triggers",
      isGood: false,
      text: `not enabled always on ${off.join(", ")}: ALTER TABLE … ENABLE ALWAYS TRIGGER, or restart the server`,
    };
  return {
    name: "triggers",
    isGood: true,
    text: `on ${rows.length} ${rows.length === 1 ? "table" : "tables"}: ${rows.map(({ name }) => asText(name)).join(", ")}`,
  };
}

async function outbox(session: SqlQueries): Promise<Diagnosis> {
  const [row] = await session.query(
    "SELECT count(*)::int AS rows, pg_size_pretty(pg_total_relation_size('tidemark.outbox')) AS size FROM (SELECT 1 FROM tidemark.outbox LIMIT 1000000) o",
  );
  const rows = Number(row?.["rows"]);
  const hint =
    rows > DIAGNOSIS_LIMITS.outboxRowsMax
      ? ": it is not being pruned. Is a reader's transaction, or another long one, holding it?"
      : "";
  return {
    name: "outbox",
    isGood: rows <= DIAGNOSIS_LIMITS.outboxRowsMax,
    text: `${rows} rows, ${asText(row?.["size"])}${hint}`,
  };
}

async function reader(session: SqlQueries): Promise<Diagnosis> {
  const rows = await session.query(
    "SELECT id, round(extract(epoch FROM lease_until - clock_timestamp()))::int AS left FROM tidemark.reader ORDER BY 2 DESC",
  );
  const living = rows.filter(({ left }) => Number(left) > 0);
  if (living.length === 0)
    return {
      name: "reader",
      isGood: false,
      text: "no reader: no server holds a lease, so triggers write nothing. Start a server; it copies the tables again",
    };
  return {
    name: "reader",
    isGood: true,
    text: `${living.length} ${living.length === 1 ? "server" : "servers"}, the lease for another ${asText(living[0]?.["left"])} s`,
  };
}
