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
export { postgresQuery, type PostgresQueryOptions } from "./query.ts";
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
 * Tables of a database as a source. `postgres("postgres://…", { tables })`, where `tables` is a
 * list of names, the output of `npx tidemark types`, or an object of schemas by name. The latter
 * two give the rows types, `typeof source.channels`.
 *
 * Of a Pool of `pg` only the options are used, to open further connections; the Pool itself is
 * neither used nor ended. A PGlite has one connection, so the reader's TimeZone (UTC) and output
 * formats hold for the application as well.
 * @throws TidemarkError `BAD_OPTION` for an invalid `database`
 */
export function postgres<const T extends TablesOption = readonly string[]>(
  database: DatabaseAddress,
  options: PostgresOptions<T> = {},
): PostgresSource<T> {
  return new TriggerSource(databaseOf(database, postgresLimits(options.limits)), options);
}
