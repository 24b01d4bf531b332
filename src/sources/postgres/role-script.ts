/**
 * The SQL that makes a role for Tidemark, which can only read the present tables and create
 * triggers on them.
 */
import { connectTo } from "./connect.ts";
import { databaseOf } from "./database-address.ts";
import { asText, ident, type SqlRow } from "./sql.ts";

const TABLES = `
  SELECT n.nspname AS schema, c.relname AS name, o.rolname AS owner, o.rolsuper AS is_super, current_database()::text AS database
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
   WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tidemark') AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1, 2`;

export async function roleScript(url: string, role: string): Promise<string> {
  const session = await connectTo(databaseOf(url));
  try {
    const [database] = await session.query("SELECT current_database()::text AS name");
    return scriptOf(await session.query(TABLES), asText(database?.["name"]), role);
  } finally {
    await session.close();
  }
}

function scriptOf(tables: readonly SqlRow[], database: string, role: string): string {
  const to = ident(role);
  const schemas = [...new Set(tables.map(({ schema }) => ident(asText(schema))))];
  const names = tables
    .map(({ schema, name }) => `${ident(asText(schema))}.${ident(asText(name))}`)
    .join(",\n  ");
  const strangers = [
    ...new Set(
      tables.flatMap(({ owner, is_super: isSuper }) => (isSuper === true ? [] : [asText(owner)])),
    ),
  ];
  return [
    `-- A role for Tidemark on the database ${database}. Run this as a superuser, once; give it a password.`,
    `CREATE ROLE ${to} LOGIN PASSWORD NULL;`,
    `GRANT CREATE ON DATABASE ${ident(database)} TO ${to};`,
    ...schemas.map((schema) => `GRANT USAGE ON SCHEMA ${schema} TO ${to};`),
    ...(names === ""
      ? ["-- There are no tables yet. Later: GRANT SELECT, TRIGGER ON … TO …;"]
      : [`GRANT SELECT, TRIGGER ON\n  ${names}\n  TO ${to};`]),
    "-- For mutations it needs INSERT, UPDATE and DELETE on what they write to.",
    ...(strangers.length === 0
      ? []
      : [
          `-- Postgres runs functions of these owners with the rights of ${to} whenever their tables are read. Serve with:`,
          `--   --trust-owner ${strangers.join(",")}`,
          "-- Writes under session_replication_role = replica are captured after the owner has run, for each trigger:",
          "--   ALTER TABLE … ENABLE ALWAYS TRIGGER tidemark_rows_…;",
        ]),
    "",
  ].join("\n");
}
