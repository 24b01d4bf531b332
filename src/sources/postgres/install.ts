/**
 * What stands in the database: schema `tidemark` with an outbox, a lease, the readers, and one
 * capture function per table with its triggers. Installing again changes only what differs;
 * uninstalling leaves nothing.
 *
 * A trigger writes which key changed, never the row: the reader fetches rows as of its own
 * snapshot, so the order in which triggers fire can't matter, and wide rows cost writers nothing.
 */
import { createHash } from "node:crypto";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { asText, ident, literal, type SqlSession } from "./sql.ts";
import { qualified, type Table, type TableColumn } from "./tables.ts";

export const BELL = "tidemark_bell";
const SCHEMA_COMMENT = schemaComment(2);
const FORMER_SCHEMA_COMMENT = schemaComment(1);
/** Any number, as long as it is always the same. */
const INSTALL_LOCK = 7_431_905;
const MIN_SERVER_VERSION = 130_000;

/** The lease is two times its end in unix seconds, plus one while the reader sleeps. */
const SCHEMA = [
  "CREATE SCHEMA tidemark",
  // Not logged: after a crash the reader copies anew, and writers are spared the WAL.
  `CREATE UNLOGGED TABLE tidemark.outbox (
     xid xid8 NOT NULL, tab bigint NOT NULL, key jsonb, delta smallint NOT NULL
   ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_analyze_threshold = 1000000)`,
  "CREATE INDEX outbox_xid ON tidemark.outbox (xid)",
  // A sequence, because its value is outside of transactions: a writer always sees the newest lease.
  "CREATE SEQUENCE tidemark.lease MINVALUE 0",
  // Not logged like the outbox, so that it tells whether the outbox was emptied.
  "CREATE UNLOGGED TABLE tidemark.alive (id text PRIMARY KEY)",
  "CREATE TABLE tidemark.reader (id text PRIMARY KEY, position pg_snapshot, lease_until timestamptz NOT NULL)",
];

/** What version 2 added: mutations that were run, and how a transaction makes itself known to those who wait for it. */
const SCHEMA_OF_WRITES = [
  // Logged: a mutation that is asked for again after a crash must be found.
  `CREATE TABLE tidemark.mutation (
     id text PRIMARY KEY, fingerprint text NOT NULL, xid xid8 NOT NULL, value text, error text, at timestamptz NOT NULL DEFAULT clock_timestamp())`,
  "CREATE INDEX mutation_at ON tidemark.mutation (at)",
  // The mark has no table and no key: all that it does is to make the reader append a commit.
  `CREATE FUNCTION tidemark.position() RETURNS text
     LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $position$
   DECLARE lease bigint;
   BEGIN
     lease := pg_sequence_last_value('tidemark.lease'::regclass);
     IF (lease >> 1) >= date_part('epoch', clock_timestamp()) THEN
       INSERT INTO tidemark.outbox (xid, tab, key, delta) VALUES (pg_current_xact_id(), 0, NULL, 0);
       IF lease & 1 = 1 THEN PERFORM pg_notify('${BELL}', ''); END IF;
     END IF;
     RETURN pg_current_xact_id()::text;
   END $position$`,
  // The application's own role may say that it is waited for, and nothing else here.
  "GRANT USAGE ON SCHEMA tidemark TO PUBLIC",
];

export interface InstallReport {
  readonly createdSchema: boolean;
  /** Channels whose triggers were created or replaced. */
  readonly installed: readonly string[];
  /** Channels whose triggers were in place. */
  readonly unchanged: readonly string[];
}

/** @throws TidemarkError `DATABASE_REFUSED`, `MISSING_GRANT` */
export async function install(session: SqlSession, tables: readonly Table[], lockTimeoutMs: number): Promise<InstallReport> {
  await refuseUnfit(session);
  // Several servers may start at once: one installs, the others find it done.
  await session.query(`SELECT pg_advisory_lock(${INSTALL_LOCK})`);
  try {
    const createdSchema = await ensureSchema(session);
    const installed: string[] = [];
    const unchanged: string[] = [];
    for (const table of tables) {
      const list = (await ensureTriggers(session, table, lockTimeoutMs)) ? installed : unchanged;
      list.push(table.channel);
    }
    return { createdSchema, installed, unchanged };
  } finally {
    // With the connection the lock is gone as well.
    await session.query(`SELECT pg_advisory_unlock(${INSTALL_LOCK})`).catch(() => {});
  }
}

/**
 * Removes schema, functions and triggers: first the lease, so that nothing is written any more, then
 * each table's triggers in a transaction of its own, so that no application waits for more than one.
 * Returns the tables that had triggers, or undefined when there was nothing.
 * @throws TidemarkError `DATABASE_REFUSED` for a schema of that name that is not ours, `TABLE_REFUSED` for a locked table
 */
export async function uninstall(session: SqlSession, lockTimeoutMs: number): Promise<readonly string[] | undefined> {
  const [schema] = await session.query(SCHEMA_COMMENT_QUERY);
  if (schema === undefined) return undefined;
  if (schema["comment"] !== SCHEMA_COMMENT && schema["comment"] !== FORMER_SCHEMA_COMMENT) throw notOurs();
  await session.query("SELECT setval('tidemark.lease', 0)");
  const triggers = await session.query(
    `SELECT n.nspname AS schema, c.relname AS name, t.tgname AS trigger
       FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_proc p ON p.oid = t.tgfoid
      WHERE p.pronamespace = 'tidemark'::regnamespace AND NOT t.tgisinternal AND NOT c.relispartition ORDER BY 1, 2`,
  );
  for (const { schema: owner, name, trigger } of triggers) {
    const target = `${ident(asText(owner))}.${ident(asText(name))}`;
    await withLock(session, target, lockTimeoutMs, [`DROP TRIGGER ${ident(asText(trigger))} ON ${target}`]);
  }
  await session.query("SET client_min_messages = warning");
  await session.query("DROP SCHEMA tidemark CASCADE");
  return [...new Set(triggers.map(({ schema: owner, name }) => (owner === "public" ? asText(name) : `${asText(owner)}.${asText(name)}`)))];
}

/** Takes our triggers off a table that is no longer what it was, so that its writers are left alone. */
export async function release(session: SqlSession, oid: number, lockTimeoutMs: number): Promise<void> {
  const found = await session.query(
    "SELECT t.tgname AS trigger, n.nspname AS schema, c.relname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1::oid AND t.tgname LIKE 'tidemark%' AND NOT t.tgisinternal",
    [oid],
  );
  for (const { trigger, schema, name } of found) {
    const target = `${ident(asText(schema))}.${ident(asText(name))}`;
    await withLock(session, target, lockTimeoutMs, [`DROP TRIGGER ${ident(asText(trigger))} ON ${target}`]);
  }
}

function schemaComment(version: number): string {
  return `Tidemark change capture, version ${version}. Remove with: tidemark uninstall`;
}

const COMMENT = `COMMENT ON SCHEMA tidemark IS ${literal(SCHEMA_COMMENT)}`;
const SCHEMA_COMMENT_QUERY = "SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = 'tidemark'";

function notOurs(): TidemarkError {
  return new TidemarkError("DATABASE_REFUSED", 'The database has a schema "tidemark" that this version did not make. Rename it, or remove it with the version that made it.');
}

async function withLock(session: SqlSession, target: string, lockTimeoutMs: number, statements: readonly string[]): Promise<void> {
  try {
    await write(session, [`SET LOCAL lock_timeout = ${lockTimeoutMs}`, ...statements]);
  } catch (cause) {
    const { code } = cause as { code?: string };
    const hint = code === "55P03" ? ` A transaction holds a lock on it for longer than ${lockTimeoutMs} ms; try again when it has ended.` : "";
    throw new TidemarkError(code === "42501" ? "MISSING_GRANT" : "TABLE_REFUSED", `Triggers on ${target} could not be changed: ${messageOf(cause)}.${hint}`, { cause });
  }
}

async function write(session: SqlSession, statements: readonly string[]): Promise<void> {
  await session.transaction("write", async (queries) => {
    for (const statement of statements) await queries.query(statement);
  });
}

async function refuseUnfit(session: SqlSession): Promise<void> {
  const [row] = await session.query(
    "SELECT current_setting('server_version_num')::int AS version, pg_is_in_recovery()::text AS standby",
  );
  if (Number(row?.["version"]) < MIN_SERVER_VERSION) {
    throw new TidemarkError("DATABASE_REFUSED", "Tidemark needs Postgres 13 or later, for 64-bit transaction ids.");
  }
  if (row?.["standby"] === "true") {
    throw new TidemarkError("DATABASE_REFUSED", "This server is a standby and takes no triggers. Connect to the primary.");
  }
}

async function ensureSchema(session: SqlSession): Promise<boolean> {
  const [existing] = await session.query(SCHEMA_COMMENT_QUERY);
  if (existing !== undefined) {
    const isFormer = existing["comment"] === FORMER_SCHEMA_COMMENT;
    if (existing["comment"] !== SCHEMA_COMMENT && !isFormer) throw notOurs();
    const [rights] = await session.query("SELECT has_schema_privilege('tidemark', 'CREATE')::text AS ours, current_user::text AS role, nspowner::regrole::text AS owner FROM pg_namespace WHERE nspname = 'tidemark'");
    if (rights?.["ours"] === "true") {
      if (isFormer) await write(session, [...SCHEMA_OF_WRITES, COMMENT]);
      return false;
    }
    throw new TidemarkError("MISSING_GRANT", `The schema "tidemark" belongs to ${asText(rights?.["owner"])}. Connect as that role, or run: GRANT ${asText(rights?.["owner"])} TO ${ident(asText(rights?.["role"]))};`);
  }
  const [rights] = await session.query(
    "SELECT has_database_privilege(current_database(), 'CREATE')::text AS create, current_user::text AS role, current_database()::text AS database",
  );
  if (rights?.["create"] !== "true") {
    const role = ident(asText(rights?.["role"]));
    const database = ident(asText(rights?.["database"]));
    throw new TidemarkError("MISSING_GRANT", `Role ${role} may not create the schema "tidemark". Run: GRANT CREATE ON DATABASE ${database} TO ${role};`);
  }
  await write(session, [...SCHEMA, ...SCHEMA_OF_WRITES, COMMENT]);
  return true;
}

/** Returns whether anything had to be changed. */
async function ensureTriggers(session: SqlSession, table: Table, lockTimeoutMs: number): Promise<boolean> {
  const statements = triggerStatements(table);
  const fingerprint = createHash("sha256").update(JSON.stringify(statements)).digest("hex").slice(0, 16);
  const name = `capture_${table.oid}`;
  const [state] = await session.query(
    `SELECT obj_description(p.oid, 'pg_proc') AS fingerprint,
            (SELECT count(*)::int FROM pg_trigger t WHERE t.tgrelid = $2::oid AND t.tgfoid = p.oid AND t.tgenabled <> 'D') AS triggers
       FROM pg_proc p WHERE p.pronamespace = 'tidemark'::regnamespace AND p.proname = $1`,
    [name, table.oid],
  );
  if (state?.["fingerprint"] === fingerprint && state["triggers"] === 2) return false;
  await withLock(session, qualified(table), lockTimeoutMs, [...statements, `COMMENT ON FUNCTION tidemark.${name}() IS ${literal(fingerprint)}`]);
  return true;
}

function triggerStatements(table: Table): readonly string[] {
  const functionName = `tidemark.capture_${table.oid}()`;
  const target = qualified(table);
  // The table's number in their names: a table that becomes a partition inherits its parent's beside its own.
  const rows = `tidemark_rows_${table.oid}`;
  const truncate = `tidemark_truncate_${table.oid}`;
  return [
    captureFunction(table),
    `REVOKE ALL ON FUNCTION ${functionName} FROM PUBLIC`,
    `DROP TRIGGER IF EXISTS ${rows} ON ${target}`,
    `DROP TRIGGER IF EXISTS ${truncate} ON ${target}`,
    `CREATE TRIGGER ${rows} AFTER INSERT OR UPDATE OR DELETE ON ${target} FOR EACH ROW EXECUTE FUNCTION ${functionName}`,
    `CREATE TRIGGER ${truncate} AFTER TRUNCATE ON ${target} FOR EACH STATEMENT EXECUTE FUNCTION ${functionName}`,
    // Fire for replicated changes too; only the owner may say so.
    ...(table.isOwned
      ? [`ALTER TABLE ${target} ENABLE ALWAYS TRIGGER ${rows}`, `ALTER TABLE ${target} ENABLE ALWAYS TRIGGER ${truncate}`]
      : []),
  ];
}

function captureFunction({ oid, key }: Table): string {
  const keyOfRow = (row: "OLD" | "NEW"): string => `pg_catalog.jsonb_build_array(${key.map(({ name }) => `${row}.${ident(name)}`).join(", ")})`;
  const insert = (...rows: string[]): string =>
    `INSERT INTO tidemark.outbox (xid, tab, key, delta) VALUES ${rows.map((row) => `(pg_catalog.pg_current_xact_id(), ${oid}, ${row})`).join(", ")};`;
  const isSameKey = key.map((column) => `${comparable("OLD", column)} IS NOT DISTINCT FROM ${comparable("NEW", column)}`).join(" AND ");
  // What a key reads like must not depend on the writer's settings.
  const settings = key.every(({ isPlainKey }) => isPlainKey)
    ? ""
    : " SET TimeZone = 'UTC' SET DateStyle = 'ISO' SET IntervalStyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1";
  let tag = "$capture$";
  while (key.some(({ name }) => name.includes(tag))) tag = tag.replace("$c", "$cc");
  return `CREATE OR REPLACE FUNCTION tidemark.capture_${oid}() RETURNS trigger
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp${settings} AS ${tag}
DECLARE lease bigint;
BEGIN
  lease := pg_sequence_last_value('tidemark.lease'::regclass);
  IF lease IS NULL OR (lease >> 1) < date_part('epoch', clock_timestamp()) THEN RETURN NULL; END IF;
  IF TG_OP = 'UPDATE' THEN
    IF ${isSameKey} THEN
      ${insert(`${keyOfRow("NEW")}, 0`)}
    ELSE
      ${insert(`${keyOfRow("OLD")}, -1`, `${keyOfRow("NEW")}, 1`)}
    END IF;
  ELSIF TG_OP = 'INSERT' THEN
    ${insert(`${keyOfRow("NEW")}, 1`)}
  ELSIF TG_OP = 'DELETE' THEN
    ${insert(`${keyOfRow("OLD")}, -1`)}
  ELSE
    ${insert("NULL, 0")}
  END IF;
  IF lease & 1 = 1 THEN PERFORM pg_notify('${BELL}', ''); END IF;
  RETURN NULL;
END ${tag}`;
}

/** Values that are equal but read differently (1.0 and 1.00, or two spellings of a citext) are different keys here. */
function comparable(row: "OLD" | "NEW", { name, type, expression }: TableColumn): string {
  const column = `${row}.${ident(name)}`;
  if (type === "integer" || type === "bigint") return column;
  return `(${expression === "$" ? `${column}::text` : expression.replaceAll("$", () => column)}) COLLATE "C"`;
}
