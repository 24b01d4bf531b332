/**
 * The TypeScript file that `tidemark types` prints: an interface for the rows of each table, and
 * `tables`, which `postgres(…, { tables })` takes. The same tables always give the same text. A
 * database's names may contain anything, so each is written as a literal, or converted to an
 * identifier.
 */
import type { TableColumn } from "./columns.ts";
import { connectTo } from "./connect.ts";
import { databaseOf, type DatabaseAddress } from "./database-address.ts";
import type { ColumnShape } from "./table-shape.ts";
import { findTables, type RefusedTable, type Table } from "./tables.ts";

export interface TypesOptions {
  /** `table` or `schema.table`. Default: all that can be live. */
  readonly tables?: readonly string[] | undefined;
  /** Only tables of this schema. */
  readonly schema?: string | undefined;
  /** The command that prints the file again, for its header. */
  readonly command: string;
}

export interface TypesFile {
  readonly text: string;
  /** Tables that can't be live and are not in the file. */
  readonly refused: readonly RefusedTable[];
}

/**
 * Reads the catalog alone, so the role needs no rights on the tables. @throws TidemarkError
 * `TABLE_REFUSED`
 */
export async function typesFile(
  address: DatabaseAddress,
  { tables: wanted, schema, command }: TypesOptions,
): Promise<TypesFile> {
  const session = await connectTo(databaseOf(address));
  try {
    return await session.transaction("snapshot", async (queries) => {
      // Type names include their schemas, whatever the application's search path is.
      await queries.query("SET LOCAL search_path = pg_catalog, pg_temp");
      const { tables, refused } = await findTables(queries, { wanted, schema, isServing: false });
      return { text: textOf(tables, command), refused };
    });
  } finally {
    await session.close();
  }
}

/** Names that the file uses already. */
const TAKEN = ["JsonValue", "table", "tables"];

function textOf(tables: readonly Table[], command: string): string {
  const names = new Map<Table, string>();
  const taken = new Set(TAKEN);
  for (const each of tables) {
    const name = freeName(interfaceName(each.channel), taken);
    taken.add(name);
    names.set(each, name);
  }
  const usesJson = tables.some(({ columns }) =>
    columns.some(({ shape }) => (shape.items ?? shape.type) === "json"),
  );
  return [
    "// Printed by `tidemark types` from the tables of a database. Don't edit; after a migration, print it again:",
    `//   ${oneLine(command)}`,
    usesJson
      ? 'import { table, type JsonValue } from "tidemark/postgres";'
      : 'import { table } from "tidemark/postgres";',
    ...tables.flatMap((each) => ["", ...interfaceOf(each, names.get(each) ?? "")]),
    "",
    "export const tables = {",
    ...tables.flatMap((each) => shapeOf(each, names.get(each) ?? "")),
    "};",
    "",
  ].join("\n");
}

function interfaceOf({ channel, columns }: Table, name: string): readonly string[] {
  return [
    `/** A row of ${inComment(channel)}. */`,
    `export interface ${name} {`,
    ...columns.flatMap((column) => {
      const note = noteOf(column);
      return [
        ...(note === undefined ? [] : [`  /** ${inComment(note)} */`]),
        `  readonly ${property(column.name)}: ${typeOf(column)};`,
      ];
    }),
    "}",
  ];
}

function shapeOf({ channel, key, columns }: Table, name: string): readonly string[] {
  return [
    `  ${valueName(channel)}: table<${name}>({`,
    `    key: [${key.map((column) => literal(column.name)).join(", ")}],`,
    "    columns: {",
    ...columns.map(({ name: column, shape }) => `      ${valueName(column)}: ${valueOf(shape)},`),
    "    },",
    "  }),",
  ];
}

function valueOf({ type, isNullable, labels, items }: ColumnShape): string {
  const parts = [
    `type: ${literal(type)}`,
    items !== undefined && `items: ${literal(items)}`,
    labels !== undefined && `labels: [${labels.map(literal).join(", ")}]`,
    isNullable === true && "isNullable: true",
  ];
  return `{ ${parts.filter((part) => part !== false).join(", ")} }`;
}

/** Facts about a column that are not part of the row's type. */
function noteOf({ sqlType, shape: { type, items, labels } }: TableColumn): string | undefined {
  const isTold =
    type === "boolean" || type === "integer" || sqlType === "text" || labels !== undefined;
  return isTold && items === undefined ? undefined : sqlType;
}

function typeOf({ shape, dimensions }: TableColumn): string {
  const { isNullable, labels, items } = shape;
  const one = labels === undefined ? scalar(items ?? shape.type) : union(labels);
  let type = one;
  if (items !== undefined) {
    // Elements can be NULL even if the column is NOT NULL.
    type = `readonly (${one} | null)[]`;
    for (let depth = 1; depth < dimensions; depth++) type = `readonly (${type})[]`;
  }
  return isNullable === true ? `${type} | null` : type;
}

function scalar(type: ColumnShape["type"]): string {
  switch (type) {
    case "boolean":
      return "boolean";
    case "integer":
    case "float":
      return "number";
    case "bigint":
    case "numeric":
    case "text":
    case "timestamp":
    case "date":
      return "string";
    case "json":
      return "JsonValue";
  }
}

function union(labels: readonly string[]): string {
  return labels.map(literal).join(" | ") || "never";
}

/** `order_items` is OrderItems, `shop.orders` ShopOrders. */
function interfaceName(channel: string): string {
  const words = channel.split(/[^\p{ID_Continue}]+|_+/u).filter((word) => word !== "");
  const name = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join("");
  return /^\p{ID_Start}/u.test(name) ? name : `Table${name}`;
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  for (let count = 2, free = name; ; count++) {
    if (!taken.has(free)) return free;
    free = `${name}${count}`;
  }
}

function property(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? name : literal(name);
}

/** In an object literal, `__proto__` would set the prototype. */
function valueName(name: string): string {
  return name === "__proto__" ? '["__proto__"]' : property(name);
}

/** A text as a TypeScript literal on one line. */
function literal(text: string): string {
  return JSON.stringify(text)
    .replaceAll("\u2028", String.raw`\u2028`)
    .replaceAll("\u2029", String.raw`\u2029`);
}

function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, " ");
}

function inComment(text: string): string {
  return oneLine(text).replaceAll("*/", "* /");
}
