/** The door `tidemark/postgres`: a Postgres database, or an embedded PGlite, as live tables. */
import type { PGlite } from "@electric-sql/pglite";
import { pgDatabase } from "./pg-database.ts";
import { pgliteDatabase } from "./pglite-database.ts";
import { PostgresSource, type PostgresSourceOptions } from "./source.ts";
import type { SqlDatabase } from "./sql.ts";

export type { PostgresReport, PostgresSourceOptions } from "./source.ts";
export type { PostgresLimits } from "./limits.ts";

/**
 * Tables of a database as a source: `postgres("postgres://…")`, or `postgres(pglite)`. PGlite has one
 * connection, so there the reader's TimeZone (UTC) and output formats hold for the application as well.
 */
export function postgres(
  database: string | PGlite,
  options: Omit<PostgresSourceOptions, "database"> = {},
): PostgresSource {
  return new PostgresSource({ ...options, database: databaseOf(database) });
}

export function databaseOf(database: string | PGlite): SqlDatabase {
  return typeof database === "string" ? pgDatabase(database) : pgliteDatabase(database);
}
