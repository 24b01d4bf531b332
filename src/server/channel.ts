/** Channels that an application declares, and the handle for writing to them. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { messageOf, TidemarkError } from "../std/errors.ts";
import type { DerivedSpec } from "../derived/spec.ts";
import { declareChannel, type ChannelDeclaration } from "../log/channel.ts";
import type { ChannelBounds, ChannelHistory } from "../log/limits.ts";
import type { ChannelChange, CommitDraft, KeyedRow } from "../log/log.ts";
import { COLUMN_TYPES, type Column, type ColumnType } from "../protocol/column.ts";
import { jsonDepth } from "../protocol/json-depth.ts";
import { keyOf, type Row } from "../protocol/row.ts";
import type { RowOf, TypedChannel } from "../protocol/typed-channel.ts";
import type { ServerLimits } from "./limits.ts";
import type { Policy } from "./policies.ts";

type Name<R> = Extract<keyof R, string>;

/** Channels whose policies accept this caller's type. Default: any channels. */
export type Channels<Caller = never> = Readonly<Record<string, ChannelDefinition<unknown, Caller>>>;

export interface ChannelOptions<R, Caller = unknown> {
  /** The column, or columns, whose values identify a row. */
  readonly key: NoInfer<Name<R>> | readonly NoInfer<Name<R>>[];
  /** Validates written rows, and gives queries their types. zod, valibot, arktype, … */
  readonly row?: StandardSchemaV1<unknown, R>;
  /**
   * The columns' types, which decide how values compare. Default: numbers compare as numbers and
   * strings as strings.
   */
  readonly columns?: { readonly [C in NoInfer<Name<R>>]?: ColumnType };
  /** Default: 100,000 rows, 256 MiB, no age. */
  readonly bounds?: Partial<ChannelBounds>;
  /**
   * Keeps each version of the rows in the history store of the server; `true` with the defaults.
   */
  readonly history?: Partial<ChannelHistory> | true;
  /**
   * Which rows a caller may see. Default: everyone sees all rows. `forCaller` types its argument.
   */
  readonly policy?: Policy<Caller>;
  /**
   * Whether a caller may write any row of the channel with `POST /v2/ingest/:channel`
   * (docs/ingest.md). `forCaller` types its argument. Default: nobody.
   */
  readonly ingest?: (caller: Caller) => boolean;
}

/** The result of `channel()`: its options without the row's type. */
export interface ChannelDefinition<R = Row, Caller = never> extends TypedChannel<R> {
  readonly key: readonly string[];
  readonly row: StandardSchemaV1 | undefined;
  readonly columns: readonly Column[];
  readonly bounds: Partial<ChannelBounds>;
  readonly history: Partial<ChannelHistory> | undefined;
  readonly policy: Policy<Caller> | undefined;
  readonly ingest: ((caller: Caller) => boolean) | undefined;
  /** Of a derived table: how it is computed, … */
  readonly derived?: DerivedSpec;
  /** …and the definitions that it names. */
  readonly sources?: Readonly<Record<string, unknown>>;
}

/**
 * Declares a channel. The row's type comes from the schema, or is given as `channel<Trade>(…)`.
 * @throws TidemarkError `BAD_OPTION` for an unknown column type
 */
export function channel<R extends object = Row, Caller = unknown>(
  options: ChannelOptions<R, Caller>,
): ChannelDefinition<NoInfer<R>, NoInfer<Caller>> {
  const { key, row, bounds = {}, policy, ingest } = options;
  const columns = Object.entries<ColumnType | undefined>(options.columns ?? {}).map(
    ([name, type = "any"]) => {
      if (!COLUMN_TYPES.includes(type)) {
        throw new TidemarkError(
          "BAD_OPTION",
          `Column "${name}": a column's type is one of ${COLUMN_TYPES.join(", ")}.`,
        );
      }
      return { name, type };
    },
  );
  const history = options.history === true ? {} : options.history;
  return {
    key: typeof key === "string" ? [key] : key,
    row,
    columns,
    bounds,
    history,
    policy,
    ingest,
  };
}

export function declarationOf(
  name: string,
  { key, columns, bounds, history }: ChannelDefinition<unknown>,
): ChannelDeclaration {
  return declareChannel({ name, key, columns, bounds, history });
}

/** Changes to one or more channels, collected for one commit. */
export class Transaction {
  readonly #changes = new Map<string, Map<string, KeyedRow | undefined>>();

  upsert(channelName: string, row: KeyedRow): void {
    this.#note(channelName, row.key, row);
  }

  remove(channelName: string, key: string): void {
    this.#note(channelName, key, undefined);
  }

  draft(): CommitDraft {
    const changes: ChannelChange[] = [];
    for (const [name, keys] of this.#changes) {
      const upserts: KeyedRow[] = [];
      const removes: string[] = [];
      for (const [key, row] of keys) {
        if (row === undefined) removes.push(key);
        else upserts.push(row);
      }
      changes.push({ channel: name, upserts, removes });
    }
    return { changes };
  }

  #note(channelName: string, key: string, row: KeyedRow | undefined): void {
    const keys = this.#changes.get(channelName);
    if (keys === undefined) this.#changes.set(channelName, new Map([[key, row]]));
    else keys.set(key, row);
  }
}

/** Writes to several channels in one commit. */
export interface TransactionHandle<C extends Channels> {
  upsert<N extends keyof C & string>(channel: N, rows: RowOf<C[N]> | readonly RowOf<C[N]>[]): void;
  remove(channel: keyof C & string, keys: string | readonly string[]): void;
}

export type RowLimits = Pick<ServerLimits, "rowBytesMax" | "rowDepthMax">;

/** Checks a row against its channel. @throws TidemarkError `BAD_ROW` */
export function checkRow(
  declaration: ChannelDeclaration,
  schema: StandardSchemaV1 | undefined,
  limits: RowLimits,
  input: unknown,
): KeyedRow {
  const json = jsonOf(declaration, objectOf(declaration, validated(declaration, schema, input)));
  checkSize(declaration, limits, json);
  // A copy: later changes to the caller's object must not reach the table.
  return keyed(declaration, JSON.parse(json) as Row, json);
}

/** As `checkRow`, for a row that arrives as text. @throws TidemarkError `BAD_ROW` */
export function checkRowText(
  declaration: ChannelDeclaration,
  schema: StandardSchemaV1 | undefined,
  limits: RowLimits,
  text: string,
): KeyedRow {
  // Checked first, because code that walks a value that nests too deep overflows the stack.
  checkSize(declaration, limits, text);
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (cause) {
    throw badRow(declaration, `it is not JSON (${messageOf(cause)})`);
  }
  const row = objectOf(declaration, input);
  if (Object.hasOwn(row, "__proto__"))
    throw badRow(declaration, 'a column can\'t have the name "__proto__"');
  if (schema !== undefined) return checkRow(declaration, schema, limits, row);
  const json = JSON.stringify(row);
  // JSON has numbers that the parsed value does not hold, such as 1e999.
  return keyed(declaration, (json === text ? row : JSON.parse(json)) as Row, json);
}

function validated(
  declaration: ChannelDeclaration,
  schema: StandardSchemaV1 | undefined,
  input: unknown,
): unknown {
  if (schema === undefined) return input;
  const result = schema["~standard"].validate(input);
  if (result instanceof Promise)
    throw badRow(declaration, "its schema is asynchronous, which rows can't wait for");
  if (result.issues !== undefined)
    throw badRow(declaration, result.issues.map(issueText).join("; "));
  return result.value;
}

function objectOf(declaration: ChannelDeclaration, value: unknown): object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw badRow(declaration, "it is not an object");
}

function checkSize(declaration: ChannelDeclaration, limits: RowLimits, json: string): void {
  const bytes = Buffer.byteLength(json);
  if (bytes > limits.rowBytesMax)
    throw badRow(
      declaration,
      `its JSON has ${bytes} bytes, more than the ${limits.rowBytesMax} of rowBytesMax`,
    );
  if (jsonDepth(json, limits.rowDepthMax) > limits.rowDepthMax)
    throw badRow(declaration, `it nests more than the ${limits.rowDepthMax} levels of rowDepthMax`);
}

function keyed(declaration: ChannelDeclaration, row: Row, json: string): KeyedRow {
  const key = keyOf(row, declaration.key);
  if (key === undefined)
    throw badRow(declaration, `its key (${declaration.key.join(", ")}) is missing or null`);
  return { key, row, json };
}

/** Values that JSON can't carry are refused. */
function jsonOf(declaration: ChannelDeclaration, row: object): string {
  try {
    return JSON.stringify(row);
  } catch (cause) {
    throw badRow(declaration, `it is not JSON (${messageOf(cause)})`);
  }
}

function issueText({ path, message }: StandardSchemaV1.Issue): string {
  const where = path?.map((part) => String(typeof part === "object" ? part.key : part)).join(".");
  return where ? `${where}: ${message}` : message;
}

function badRow({ name }: ChannelDeclaration, what: string): TidemarkError {
  return new TidemarkError(
    "BAD_ROW",
    `A row of channel "${name}" was refused: ${what}. Nothing of its commit was written.`,
  );
}
