/**
 * The entry point `tidemark/postgres`: a Postgres database, or an embedded PGlite, as live tables.
 */
import { databaseOf, type DatabaseAddress } from "./database-address.ts";
import { postgresLimits } from "./limits.ts";
import { TriggerSource, type PostgresOptions, type PostgresSource } from "./source.ts";
import type { TablesOption } from "./table-shape.ts";

export type { DatabaseAddress, PgPool } from "./database-address.ts";
export type { PgConfig } from "./pg-config.ts";
export type { EmbeddedPostgres } from "./pglite-database.ts";
export type { CheckedTable } from "./declarations.ts";
export type { PostgresReport } from "./report.ts";
export type { RefusedTable } from "./tables.ts";
export type { PostgresOptions, PostgresSource } from "./source.ts";
export type { PostgresLimits } from "./limits.ts";
export { table } from "./table-shape.ts";
export type {
  ColumnShape,
  TableChannels,
  TableDeclaration,
  TableShape,
  TablesOption,
} from "./table-shape.ts";
export type { JsonValue } from "../../protocol/row.ts";

/**
 * Tables of a database as a source. `postgres("postgres://…", { tables })`, where `tables` are
 * names, or what `npx tidemark types` prints, or schemas by name: then rows have types, `typeof
 * source.channels`.
 *
 * A Pool of `pg` gives its options, from which connections of our own are made; it is neither used
 * nor ended. A PGlite has one connection, so the reader's TimeZone (UTC) and output formats hold
 * for the application as well.
 * @throws TidemarkError `BAD_OPTION` for what is no database
 */
export function postgres<const T extends TablesOption = readonly string[]>(
  database: DatabaseAddress,
  options: PostgresOptions<T> = {},
): PostgresSource<T> {
  return new TriggerSource(databaseOf(database, postgresLimits(options.limits)), options);
}
