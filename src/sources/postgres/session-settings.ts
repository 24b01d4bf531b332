/**
 * The settings of the reader's connections: how values are written as text, and settings that the
 * role or the database must not override.
 */
import type { PostgresLimits } from "./limits.ts";
import type { SqlQueries, SqlSession } from "./sql.ts";

/** Values must be written the same under any settings of the role or the database. */
const FORMAT_SETTINGS = [
  "TimeZone = 'UTC'",
  "DateStyle = 'ISO'",
  "IntervalStyle = 'postgres'",
  "bytea_output = 'hex'",
  "extra_float_digits = 1",
];

/** Reads touch few rows, by index; the planner has no statistics of an outbox to know that. */
const READER_SETTINGS = [
  "SET default_transaction_read_only = off",
  "SET default_transaction_isolation = 'read committed'",
  // Rows that a policy of the database hides would be missing in silence. With this setting such a
  // read fails instead, and no policy is run.
  "SET row_security = off",
  "SET jit = off",
  "SET statement_timeout = 0",
  "SET idle_in_transaction_session_timeout = 0",
  "SET enable_seqscan = off",
  "SET enable_hashjoin = off",
  "SET enable_mergejoin = off",
  "SET plan_cache_mode = force_generic_plan",
  // A view that takes the name of a table of a prepared statement is not read, in versions that can
  // refuse it.
  "SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'",
  "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'transaction_timeout'",
];

/** A connection that the application uses as well keeps its settings, except for the formats. */
export async function prepareSession(
  session: SqlSession,
  { readLockMs }: PostgresLimits,
): Promise<void> {
  for (const setting of FORMAT_SETTINGS) await session.query(`SET ${setting}`);
  if (session.isShared) return;
  for (const setting of READER_SETTINGS) await session.query(setting);
  await session.query(`SET lock_timeout = ${readLockMs}`);
}

/**
 * For one transaction on any connection: reads rows as the reader does, and does not wait for
 * locks.
 */
export async function readingLocally(
  queries: SqlQueries,
  { readLockMs }: PostgresLimits,
): Promise<void> {
  for (const setting of [
    ...FORMAT_SETTINGS,
    "row_security = off",
    "enable_seqscan = off",
    `lock_timeout = ${readLockMs}`,
  ])
    await queries.query(`SET LOCAL ${setting}`);
}
