/**
 * The schema `tidemark` in the database: an outbox, a lease, the readers, the mutations that have
 * run. It is used only where it and everything in it belong to the connecting role: objects of
 * other owners there would run with that role's rights.
 */
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { asText, ident, literal, type SqlQueries, type SqlSession } from "./sql.ts";

/** In the outbox, instead of a table's oid: a client waits for this transaction. */
export const AWAITED = 0;
/** The channel of NOTIFY on which writers wake a sleeping reader. */
export const NOTIFY_CHANNEL = "tidemark_changes";
const VERSION = 4;
const MIN_SERVER_VERSION = 130_000;

/** The value of the lease is twice its end in unix seconds, plus one while the reader sleeps. */
const SCHEMA = [
  "CREATE SCHEMA tidemark",
  // Not logged: after a crash the reader copies anew, and writers write no WAL for it.
  `CREATE UNLOGGED TABLE tidemark.outbox (
     xid xid8 NOT NULL, tab bigint NOT NULL, key jsonb, delta smallint NOT NULL
   ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_analyze_threshold = 1000000)`,
  "CREATE INDEX outbox_xid ON tidemark.outbox (xid)",
  // A sequence, because its value is outside of transactions: a writer always sees the newest
  // lease.
  "CREATE SEQUENCE tidemark.lease MINVALUE 0",
  // Not logged, like the outbox, so that it shows whether the outbox was emptied.
  "CREATE UNLOGGED TABLE tidemark.alive (id text PRIMARY KEY)",
  "CREATE TABLE tidemark.reader (id text PRIMARY KEY, snapshot pg_snapshot, lease_until timestamptz NOT NULL)",
];

/** Since version 2: the mutations that have run. */
const MUTATIONS = [
  // Logged: a mutation that a client sends again after a crash must be found.
  `CREATE TABLE tidemark.mutation (
     id text PRIMARY KEY, fingerprint text NOT NULL, xid xid8 NOT NULL, value text, error text, at timestamptz NOT NULL DEFAULT clock_timestamp())`,
  "CREATE INDEX mutation_at ON tidemark.mutation (at)",
];

/**
 * Since version 3: a table that no other role can lock, refusals by caller, and nothing for PUBLIC.
 */
const BORDERS = [
  "CREATE TABLE tidemark.installing ()",
  "ALTER TABLE tidemark.mutation ADD COLUMN caller text",
  "CREATE INDEX mutation_refused ON tidemark.mutation (caller, at) WHERE error IS NOT NULL",
  "REVOKE ALL ON SCHEMA tidemark FROM PUBLIC",
];

/**
 * Names the open transaction and marks it as awaited, by one row in the outbox.
 */
const TXID = [
  `CREATE OR REPLACE FUNCTION tidemark.txid() RETURNS text
     LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $txid$
   DECLARE lease bigint;
   BEGIN
     lease := pg_sequence_last_value('tidemark.lease'::regclass);
     IF (lease >> 1) >= date_part('epoch', clock_timestamp())
        AND NOT EXISTS (SELECT FROM tidemark.outbox WHERE xid = pg_current_xact_id() AND tab = ${AWAITED}) THEN
       INSERT INTO tidemark.outbox (xid, tab, key, delta) VALUES (pg_current_xact_id(), ${AWAITED}, NULL, 0);
       IF lease & 1 = 1 THEN PERFORM pg_notify('${NOTIFY_CHANNEL}', ''); END IF;
     END IF;
     RETURN pg_current_xact_id()::text;
   END $txid$`,
  "REVOKE ALL ON FUNCTION tidemark.txid() FROM PUBLIC",
];

const RENAME_SNAPSHOT = "ALTER TABLE tidemark.reader RENAME COLUMN position TO snapshot";

/**
 * The statements that upgrade each older version to this one. A renamed function keeps its grants.
 */
const UPGRADES: Readonly<Record<number, readonly string[]>> = {
  1: [RENAME_SNAPSHOT, ...MUTATIONS, ...BORDERS, ...TXID],
  2: [RENAME_SNAPSHOT, "DROP FUNCTION IF EXISTS tidemark.position()", ...BORDERS, ...TXID],
  3: [RENAME_SNAPSHOT, "ALTER FUNCTION tidemark.position() RENAME TO txid", ...TXID],
};

const STATE = `
  SELECT obj_description(n.oid, 'pg_namespace') AS comment, o.rolname AS owner, current_user::text AS role,
         o.rolname = current_user
           AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relowner <> n.nspowner)
           AND NOT EXISTS (SELECT FROM pg_proc p WHERE p.pronamespace = n.oid AND p.proowner <> n.nspowner)
           AND NOT EXISTS (SELECT FROM pg_type t WHERE t.typnamespace = n.oid AND t.typowner <> n.nspowner)
           AND NOT EXISTS (SELECT FROM aclexplode(n.nspacl) a WHERE a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner) AS ours
    FROM pg_namespace n JOIN pg_roles o ON o.oid = n.nspowner WHERE n.nspname = 'tidemark'`;

/** Another server was faster: the schema, or a row of the catalog, exists already. */
const MADE_MEANWHILE = ["42P06", "42P07", "23505"];

/**
 * Makes or upgrades the schema; returns whether it was made. `txidRoles` may call
 * `tidemark.txid()`.
 * @throws TidemarkError `DATABASE_REFUSED`, `MISSING_GRANT`
 */
export async function ensureSchema(
  session: SqlSession,
  txidRoles: readonly string[],
): Promise<boolean> {
  await refuseUnfit(session);
  const wasCreated = (await schemaVersion(session)) === undefined && (await createSchema(session));
  await upgrade(session);
  for (const role of txidRoles) {
    await session.query(`GRANT USAGE ON SCHEMA tidemark TO ${ident(role)}`);
    await session.query(`GRANT EXECUTE ON FUNCTION tidemark.txid() TO ${ident(role)}`);
  }
  return wasCreated;
}

/**
 * Undefined where there is none. @throws TidemarkError `DATABASE_REFUSED`, `MISSING_GRANT` for a
 * schema of another owner
 */
export async function schemaVersion(queries: SqlQueries): Promise<number | undefined> {
  const [state] = await queries.query(STATE);
  if (state === undefined) return undefined;
  const version = [1, 2, 3, VERSION].find((known) => state["comment"] === commentOf(known));
  if (version === undefined) {
    throw new TidemarkError(
      "DATABASE_REFUSED",
      'The database has a schema "tidemark" that this version did not make. Rename it, or remove it with the version that made it.',
    );
  }
  if (state["ours"] === true) return version;
  const owner = asText(state["owner"]);
  throw new TidemarkError(
    "MISSING_GRANT",
    `The schema "tidemark", or something in it, does not belong to ${asText(state["role"])} alone: its owner is ${owner}. Connect as ${owner}, or remove it as that role: tidemark uninstall.`,
  );
}

/**
 * Lets one installer work at a time. No other role can lock this table, so no other role can delay
 * an installer.
 */
export async function lockForInstalling(queries: SqlQueries, lockTimeoutMs: number): Promise<void> {
  await queries.query(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
  await queries.query("LOCK TABLE tidemark.installing IN EXCLUSIVE MODE");
}

async function createSchema(session: SqlSession): Promise<boolean> {
  const [rights] = await session.query(
    "SELECT has_database_privilege(current_database(), 'CREATE')::text AS create, current_user::text AS role, current_database()::text AS database",
  );
  if (rights?.["create"] !== "true") {
    const role = ident(asText(rights?.["role"]));
    const database = ident(asText(rights?.["database"]));
    throw new TidemarkError(
      "MISSING_GRANT",
      `Role ${role} may not create the schema "tidemark". Run: GRANT CREATE ON DATABASE ${database} TO ${role};`,
    );
  }
  try {
    await write(session, [...SCHEMA, ...MUTATIONS, ...BORDERS, ...TXID, commentStatement()]);
    return true;
  } catch (error) {
    if (MADE_MEANWHILE.includes(String((error as { code?: unknown }).code))) return false;
    throw new TidemarkError(
      "DATABASE_REFUSED",
      `The schema "tidemark" could not be made: ${messageOf(error)}.`,
      { cause: error },
    );
  }
}

async function upgrade(session: SqlSession): Promise<void> {
  await session.transaction("write", async (queries) => {
    if ((await schemaVersion(queries)) === VERSION) return;
    // Where two servers find an old version, the second waits for the first, and finds the work
    // done, or begun by a server of a version between.
    await queries.query("LOCK TABLE tidemark.reader IN ACCESS EXCLUSIVE MODE");
    const found = (await schemaVersion(queries)) ?? VERSION;
    if (found === VERSION) return;
    for (const statement of [...(UPGRADES[found] ?? []), commentStatement()])
      await queries.query(statement);
  });
}

function commentStatement(): string {
  return `COMMENT ON SCHEMA tidemark IS ${literal(commentOf(VERSION))}`;
}

function commentOf(version: number): string {
  return `Tidemark change capture, version ${version}. Remove with: tidemark uninstall`;
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
    throw new TidemarkError(
      "DATABASE_REFUSED",
      "Tidemark needs Postgres 13 or later, for 64-bit transaction ids.",
    );
  }
  if (row?.["standby"] === "true") {
    throw new TidemarkError(
      "DATABASE_REFUSED",
      "This server is a standby and takes no triggers. Connect to the primary.",
    );
  }
}
