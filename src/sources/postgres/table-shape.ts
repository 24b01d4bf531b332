/**
 * A program's declarations of a database's tables, which give their rows types: by any Standard
 * Schema, or by `table()`, as `tidemark types` prints it. The source compares the declarations
 * with the tables at its start.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { ColumnType } from "../../protocol/column.ts";
import type { Row } from "../../protocol/row.ts";
import type { TypedChannel } from "../../protocol/typed-channel.ts";

type Name<R> = Extract<keyof R, string>;

/** The type of a column's values in rows. */
export interface ColumnShape {
  readonly type: Exclude<ColumnType, "any">;
  /** Default false. */
  readonly isNullable?: boolean;
  /** Of an enum, or of an array of one: every label. */
  readonly labels?: readonly string[];
  /** Of an array: the type of its elements. */
  readonly items?: Exclude<ColumnType, "any">;
}

/** A table's key and columns, without its row's type. */
export interface TableShape<R = Row> extends TypedChannel<R> {
  readonly key: readonly string[];
  readonly columns: Readonly<Record<string, ColumnShape>>;
}

/** Declares a table whose rows are of type `R`; `npx tidemark types` writes these. */
export function table<R extends object>(shape: {
  readonly key: readonly Name<R>[];
  readonly columns: { readonly [C in Name<R>]-?: ColumnShape };
}): TableShape<R> {
  return shape;
}

/** A schema of zod, valibot, arktype, …, or what `table()` returns. */
export type TableDeclaration = StandardSchemaV1 | TableShape<unknown>;

/**
 * Tables to serve: a list of names, or declarations by name. A name is `table`, or `schema.table`.
 */
export type TablesOption = readonly string[] | Readonly<Record<string, TableDeclaration>>;

/** Rows are served unchanged, so their type is the schema's input. */
type DeclaredRow<D> =
  D extends StandardSchemaV1<infer I, unknown> ? I : D extends TypedChannel<infer R> ? R : never;

/** The channel of a table: that of one in the schema `public` has no schema in its name. */
type ChannelName<N> = N extends `public.${infer Bare}` ? Bare : N;

/** The channels of the tables, by name, with their rows' types. */
export type TableChannels<T> = T extends readonly string[]
  ? Readonly<Record<string, TypedChannel<Row>>>
  : { readonly [N in keyof T as ChannelName<N>]: TypedChannel<DeclaredRow<T[N]>> };

export function isStandardSchema(declaration: TableDeclaration): declaration is StandardSchemaV1 {
  return "~standard" in declaration;
}

/** Whether a value that the compiler has not checked is a declaration. */
export function isTableDeclaration(given: unknown): given is TableDeclaration {
  if ((typeof given !== "object" && typeof given !== "function") || given === null) return false;
  const { key, columns } = given as Partial<TableShape>;
  return "~standard" in given || (Array.isArray(key) && typeof columns === "object");
}
