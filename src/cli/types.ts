/** `tidemark types`: prints a TypeScript file with the types of a database's tables. */
import { typesFile } from "../sources/postgres/table-types.ts";

export interface TypesCommand {
  readonly url: string;
  readonly tables: readonly string[] | undefined;
  readonly schema: string | undefined;
  /** Gets the file. */
  readonly write: (text: string) => void;
  /** Gets what is not in the file, and why. */
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

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w.,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
