/**
 * Finds tables that no longer match the declarations of their channels or of the program, and why.
 */
import { differencesOf, type Declarations } from "./declarations.ts";
import type { SqlSession } from "./sql.ts";
import { isStandardSchema } from "./table-shape.ts";
import { findTables, type Table } from "./tables.ts";

export async function alteredTables(
  session: SqlSession,
  tables: readonly Table[],
  {
    trustedOwners,
    declarations,
  }: { readonly trustedOwners: readonly string[]; readonly declarations: Declarations },
): Promise<ReadonlyMap<Table, string>> {
  const { tables: found, refused } = await findTables(session, {
    trustedOwners,
    oids: tables.map(({ oid }) => oid),
  });
  const altered = new Map<Table, string>();
  for (const table of tables) {
    const now = found.find(({ oid }) => oid === table.oid);
    const why = refused.find((entry) => entry.table === table.channel)?.reason;
    if (now === undefined)
      altered.set(
        table,
        `its table is gone or can't be read any more${why === undefined ? "" : `: ${why}`}`,
      );
    else if (readFormOf(now) !== readFormOf(table))
      altered.set(table, "its table was altered; restart Tidemark to serve its new columns");
    else {
      const differences = differencesNow(now, declarations);
      if (differences.length > 0)
        altered.set(
          table,
          `its table was altered and is not as it is declared any more: ${differences.join("; ")}`,
        );
    }
  }
  return altered;
}

function differencesNow(table: Table, declarations: Declarations): readonly string[] {
  const declaration = declarations.get(table.channel);
  return declaration === undefined || isStandardSchema(declaration)
    ? []
    : differencesOf(table, declaration);
}

/**
 * How a table is read, as a text to compare. NULL and labels are left out: only declarations are
 * compared with them.
 */
function readFormOf({ schema, name, columns, key }: Table): string {
  return JSON.stringify([schema, name, columns, key], (property, value: unknown) =>
    property === "shape" ? undefined : value,
  );
}
