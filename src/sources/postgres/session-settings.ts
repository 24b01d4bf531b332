/** How a connection of the reader is set: what values read like, and what nobody else may decide for it. */
import type { PostgresLimits } from "./limits.ts";
import type { SqlSession } from "./sql.ts";

/** Values must read the same whatever the role's or the database's own settings are. */
const FORMAT_SETTINGS = [
  "SET TimeZone = 'UTC'",
  "SET DateStyle = 'ISO'",
  "SET IntervalStyle = 'postgres'",
  "SET bytea_output = 'hex'",
  "SET extra_float_digits = 1",
];

/** Reads touch few rows, by index; the planner has no statistics of an outbox to know that. */
const READER_SETTINGS = [
  "SET default_transaction_read_only = off",
  "SET default_transaction_isolation = 'read committed'",
  // Rows that a policy of the database hides would be missing in silence: an error says so, and the policy is not run.
  "SET row_security = off",
  "SET jit = off",
  "SET statement_timeout = 0",
  "SET idle_in_transaction_session_timeout = 0",
  "SET enable_seqscan = off",
  "SET enable_hashjoin = off",
  "SET enable_mergejoin = off",
  "SET plan_cache_mode = force_generic_plan",
  // A view that takes the name of a table that was prepared for is not read. Versions that have it.
  "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'",
  "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'",
];

/** A connection that an application uses too keeps its own settings, but for the formats. */
export async function prepareSession(
  session: SqlSession,
  { readLockMs }: PostgresLimits,
): Promise<void> {
  for (const setting of FORMAT_SETTINGS) await session.query(setting);
  if (session.isShared) return;
  for (const setting of READER_SETTINGS) await session.query(setting);
  await session.query(`SET lock_timeout = ${readLockMs}`);
}
