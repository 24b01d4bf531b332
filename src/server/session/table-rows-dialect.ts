/**
 * `table_rows` as a dialect, for front ends that merge rows by key: `{"type":"table_rows","table",
 * "columns","rows"}` over a WebSocket or server-sent events. Filters, windows and rights are those
 * of every other client. docs/dialects.md has the messages.
 */
import { TidemarkError } from "../../std/errors.ts";
import type { DeltaOfTexts, Outgoing, SnapshotOfTexts } from "../../protocol/codec.ts";
import type { Column } from "../../protocol/column.ts";
import type { WireQuery } from "../../protocol/query.ts";
import type { JsonValue, Row } from "../../protocol/row.ts";
import type { ConnectionRequest, Dialect, DialectCommand, DialectView } from "../turn/dialect.ts";

export interface TableRowsOptions {
  /** The whole path, `/ws/tables`. */
  readonly path: string;
  /** `sse`: the address alone names the subscriptions. Default `websocket`. */
  readonly carrier?: "websocket" | "sse";
  /** What `authenticate` receives as `auth`. Default: nothing; it has the request. */
  readonly auth?: (request: ConnectionRequest) => JsonValue | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const QUERY_FIELDS = ["table", "filters", "where", "order_by", "limit", "columns"];
const SHAPE =
  'Say {"type": "subscribe", "table": name}, with filters, where, order_by, limit, columns and id as you need them; or "unsubscribe" with the same fields.';

/** A dialect for `createTidemark({ dialects })`. */
export function tableRows({ path, carrier = "websocket", auth }: TableRowsOptions): Dialect {
  return {
    name: `table_rows ${path}`,
    path,
    carrier,
    connect: (request) => {
      const subscriptions = addressed(request.url);
      if (carrier === "sse" && subscriptions.length === 0)
        throw new TidemarkError("BAD_OPTION", `Name a table: ${path}?table=trades.`);
      return {
        begins: [{ op: "IDENTIFY", auth: auth?.(request), subscriptions }],
        ...(carrier === "websocket" && { receive: (text) => [commandOf(text)] }),
      };
    },
    encode,
  };
}

/** The subscriptions that an address names: one by its parameters, or some by `subscribe`. */
function addressed(url: string): readonly WireQuery[] {
  const parameters = new URL(url, "http://server").searchParams;
  const several = parameters
    .getAll("subscribe")
    .map((text) => queryOf(fieldsIn("subscribe", text)));
  const table = parameters.get("table");
  if (table === null) return several;
  const fields = new Map<string, unknown>([["table", table]]);
  for (const name of ["filters", "where", "order_by", "limit"]) {
    const text = parameters.get(name);
    if (text !== null) fields.set(name, parsed(name, text));
  }
  const columns = parameters.get("columns");
  if (columns !== null) fields.set("columns", columns.split(","));
  return [queryOf(Object.fromEntries(fields)), ...several];
}

function commandOf(text: string): DialectCommand {
  const { type, id, ...fields } = fieldsIn("a message", text);
  const query = queryOf(fields);
  if (type === "subscribe") {
    const named = id === undefined ? {} : { id: id as number };
    return { op: "SUBSCRIBE", ...named, subscriptions: [query] };
  }
  if (type === "unsubscribe") return { op: "UNSUBSCRIBE", queries: [query] };
  throw new TidemarkError("BAD_MESSAGE", SHAPE);
}

/** A query of the protocol. The server checks the parts that are passed on. */
function queryOf({ table, filters, where, ...fields }: Fields): WireQuery {
  const unknown = Object.keys(fields).find((name) => !QUERY_FIELDS.includes(name));
  if (typeof table !== "string" || unknown !== undefined)
    throw new TidemarkError(
      "BAD_MESSAGE",
      unknown === undefined ? SHAPE : `There is no field "${unknown}". ${SHAPE}`,
    );
  const terms = [...termsOf(filters), ...(where === undefined ? [] : [where])];
  return {
    channel: table,
    ...(terms.length > 0 && { where: terms.length === 1 ? terms[0] : { and: terms } }),
    ...fields,
  } as WireQuery;
}

/** `{ column: value }`: equal to a value, to one of a list, or null. */
function termsOf(filters: unknown): readonly Fields[] {
  if (filters === undefined) return [];
  if (typeof filters !== "object" || filters === null || Array.isArray(filters))
    throw new TidemarkError("BAD_MESSAGE", "filters is an object: {column: value}.");
  return Object.entries(filters).map(([column, value]: [string, unknown]) => {
    if (value === null) return { column, is_null: true };
    return Array.isArray(value) ? { column, in: value } : { column, eq: value };
  });
}

function fieldsIn(what: string, text: string): Fields {
  const value = parsed(what, text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Fields;
  throw new TidemarkError("BAD_MESSAGE", SHAPE);
}

function parsed(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TidemarkError("BAD_MESSAGE", `${what} must be JSON.`, { cause });
  }
}

function encode(message: Outgoing, view: DialectView | undefined): string | undefined {
  if ("rowTexts" in message || "upsertTexts" in message)
    return view === undefined ? undefined : encodeRows(message, view);
  if (message.op === "ERROR") {
    const { code, message: text, id } = message;
    return JSON.stringify({ type: "error", code, message: text, id });
  }
  if (message.op !== "DISPATCH") return undefined;
  if (message.type === "SUBSCRIBED") {
    const { id, channel, view: viewId, key } = message;
    return JSON.stringify({
      type: "subscribed",
      id,
      table: channel,
      ...viewOf(viewId, channel),
      key,
    });
  }
  if (message.type === "CHANNEL_STATUS") {
    const { channel, status, reason } = message;
    return JSON.stringify({ type: "table_status", table: channel, status, reason });
  }
  return undefined;
}

/** Names the view where it is not the whole table, so that a client may have several of a table. */
function viewOf(id: string, channel: string): { readonly view?: string } {
  return id === channel ? {} : { view: id };
}

function encodeRows(
  message: SnapshotOfTexts | DeltaOfTexts,
  { id, channel, key, columns }: DialectView,
): string | undefined {
  const isSnapshot = "rowTexts" in message;
  const removes = isSnapshot ? [] : message.removes;
  const texts = isSnapshot ? message.rowTexts : message.upsertTexts;
  if (!isSnapshot && texts.length + removes.length === 0) return undefined;
  const rows = texts.map((text) => JSON.parse(text) as Row);
  const names = new Set(columns.map(({ name }) => name));
  // Columns that the channel does not declare; `$omitted` where a row was too large.
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  const order = [...names];
  return JSON.stringify({
    type: "table_rows",
    table: channel,
    ...viewOf(id, channel),
    ...(isSnapshot && message.part === 0 && { reset: true }),
    columns: order,
    rows: rows.map((row) => order.map((name) => (Object.hasOwn(row, name) ? row[name] : null))),
    ...(removes.length > 0 && { removes: removes.map((text) => keyValues(text, key, columns)) }),
    ...(message.more === true && { more: true }),
  });
}

/** The values of the key columns, in their order. Those of undeclared columns are texts. */
function keyValues(
  text: string,
  key: readonly string[],
  columns: readonly Column[],
): readonly JsonValue[] {
  const parts = key.length === 1 ? [text] : (JSON.parse(text) as readonly string[]);
  return parts.map((part, index) => {
    const type = columns.find(({ name }) => name === key[index])?.type;
    if (type === "boolean") return part === "true";
    const value = type === "integer" || type === "float" ? Number(part) : Number.NaN;
    return Number.isFinite(value) && String(value) === part ? value : part;
  });
}
