/** `tidemark types`: prints a TypeScript file with the types of a database's tables. */
import { typesFile } from "../sources/postgres/table-types.ts";

export interface TypesCommand {
  readonly url: string;
  readonly tables: readonly string[] | undefined;
  readonly schema: string | undefined;
  /** Called with the file's text. */
  readonly write: (text: string) => void;
  /** Called with each table that is not in the file, and the reason. */
  readonly warn: (line: string) => void;
}

export async function types({ url, tables, schema, write, warn }: TypesCommand): Promise<void> {
  const options = [
    'npx tidemark types --postgres "$DATABASE_URL"',
    ...(schema === undefined ? [] : [`--schema ${quoted(schema)}`]),
    ...(tables === undefined ? [] : [`--table ${quoted(tables.join(","))}`]),
  ];
  const command = `${options.join(" ")} > tables.ts`;
  const { text, refused } = await typesFile(url, { tables, schema, command });
  write(text);
  for (const { table, reason } of refused)
    warn(`Not live, so not in the file: ${table}: ${reason}`);
}

/** The text quoted for a shell. */
function quoted(text: string): string {
  return /^[\w.,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
