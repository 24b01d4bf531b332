/**
 * `WS /ws/heatmap` for hand-written clients, and its REST twin, whose body is the `data` of a
 * snapshot. `README.md` has the messages.
 */
import {
  TidemarkError,
  type DeltaOfTexts,
  type Dialect,
  type DialectCommand,
  type DialectView,
  type Outgoing,
} from "tidemark";
import { HEATMAP_KEY, type HeatmapRow } from "./channels.ts";
import { gridOf, type HeatmapData } from "./model/grid.ts";

export interface HeatmapDialectOptions {
  /** Other symbols are refused. */
  readonly symbols: readonly string[];
  /** How long a first request waits for a heatmap that nobody watched before. */
  readonly firstMsMax: number;
}

/** The `data` of a message with what differs. */
interface HeatmapChanges {
  /** `[time, price, value]` each. */
  readonly cells: readonly (readonly [number, number, number])[];
  /** `[time, price]` each. A column that has gone is removed with all its cells. */
  readonly removes: readonly (readonly [number, number])[];
  /** `[time, last price]` of new and changed columns. */
  readonly closes: readonly (readonly [number, number])[];
  readonly removed_times: readonly number[];
  readonly step?: number;
  readonly price?: number;
  readonly as_of?: number;
}

type Mode = "whole" | "changes";
type Encode = Dialect["encode"];

const CHANNEL = "heatmap";
const SHAPE =
  'Say {"type": "subscribe", "symbols": ["BTCUSDT"], "mode": "whole" or "changes"}, {"type": "unsubscribe", "symbols": […]} or {"type": "ping"}.';

export function heatmapSocket({ symbols }: HeatmapDialectOptions): Dialect {
  return {
    name: "heatmap",
    path: "/ws/heatmap",
    carrier: "websocket",
    connect: () => {
      const modes = new Map<string, Mode>();
      return {
        begins: [{ op: "IDENTIFY" }],
        receive: (text) => commandsOf(text, symbols, modes),
        isWhole: (view) => modes.get(symbolOf(view)) === "whole",
      };
    },
    encode: encodeForSocket,
  };
}

/** `GET /api/heatmap?symbol=BTCUSDT`. */
export function heatmapAnswer({ symbols, firstMsMax }: HeatmapDialectOptions): Dialect {
  return {
    name: "heatmap answer",
    path: "/api/heatmap",
    carrier: "http",
    contentType: "application/json",
    firstTextMsMax: firstMsMax,
    connect: ({ url }) => {
      const symbol = new URL(url, "http://server").searchParams.get("symbol") ?? "";
      if (!symbols.includes(symbol)) throw unknownSymbol(symbol, symbols);
      return {
        begins: [{ op: "IDENTIFY", subscriptions: [queryOf(symbol)] }],
        isWhole: () => true,
      };
    },
    encode: (message, view) => {
      const data = "rowTexts" in message ? dataOf(message.rowTexts, view) : undefined;
      return data === undefined || data.times.length === 0 ? undefined : JSON.stringify(data);
    },
  };
}

/** An unknown symbol is refused by itself; what else the message asks for is done. */
function commandsOf(
  text: string,
  known: readonly string[],
  modes: Map<string, Mode>,
): readonly DialectCommand[] {
  const message = parsed(text);
  if (message["type"] === "ping") return [{ op: "HEARTBEAT" }];
  const { type, symbols, mode = "whole" } = message;
  if (!areTexts(symbols) || (mode !== "whole" && mode !== "changes"))
    throw new TidemarkError("BAD_MESSAGE", SHAPE);
  const served = symbols.filter((symbol) => known.includes(symbol));
  const queries = served.map(queryOf);
  if (type === "unsubscribe") return [{ op: "UNSUBSCRIBE", queries }];
  if (type !== "subscribe") throw new TidemarkError("BAD_MESSAGE", SHAPE);
  for (const symbol of served) modes.set(symbol, mode);
  const refusals = symbols
    .filter((symbol) => !known.includes(symbol))
    .map((symbol) => ({ op: "ANSWER", text: refusalOf(symbol, known) }) as const);
  return served.length === 0
    ? refusals
    : [{ op: "SUBSCRIBE", subscriptions: queries }, ...refusals];
}

function refusalOf(symbol: string, known: readonly string[]): string {
  const { code, message } = unknownSymbol(symbol, known);
  return JSON.stringify({ type: "error", code, symbol, message });
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const message: unknown = JSON.parse(text);
    if (typeof message === "object" && message !== null)
      return message as Readonly<Record<string, unknown>>;
  } catch {
    // Refused below.
  }
  throw new TidemarkError("BAD_MESSAGE", SHAPE);
}

function unknownSymbol(symbol: string, known: readonly string[]): TidemarkError {
  return new TidemarkError(
    "BAD_OPTION",
    `There is no symbol ${JSON.stringify(symbol)}; there are ${known.join(", ")}.`,
  );
}

function queryOf(symbol: string): {
  readonly channel: string;
  readonly where: { readonly column: string; readonly eq: string };
} {
  return { channel: CHANNEL, where: { column: "symbol", eq: symbol } };
}

/** The symbol of a view that `queryOf` asked for. */
function symbolOf({ query }: DialectView): string {
  const { where } = query;
  return where !== undefined && "eq" in where ? String(where.eq) : "";
}

const encodeForSocket: Encode = (message, view) => {
  if ("rowTexts" in message) return encodeRows(message, view);
  if ("upsertTexts" in message) return view && encodeChanges(message, view);
  switch (message.op) {
    case "HEARTBEAT_ACK":
      return JSON.stringify({ type: "pong" });
    case "ERROR": {
      const { code, message: text } = message;
      return JSON.stringify({ type: "error", code, message: text });
    }
    case "DISPATCH": {
      if (message.type !== "CHANNEL_STATUS") return undefined;
      const { status, reason, since_unix_ms } = message;
      return JSON.stringify({ type: "status", status, reason, since_unix_ms });
    }
    default:
      return undefined;
  }
};

function encodeRows(
  message: Outgoing & { readonly rowTexts: readonly string[]; readonly part?: number },
  view: DialectView | undefined,
): string | undefined {
  const data = dataOf(message.rowTexts, view);
  if (data === undefined) return undefined;
  return JSON.stringify({
    type: "snapshot",
    symbol: data.symbol,
    timestamp: data.as_of ?? null,
    data,
  });
}

function encodeChanges(message: DeltaOfTexts, view: DialectView): string | undefined {
  const { upsertTexts, removes } = message;
  if (upsertTexts.length + removes.length === 0) return undefined;
  const data = changesOf(upsertTexts.map(rowOf), removes);
  const { as_of = null } = data;
  return JSON.stringify({ type: "changes", symbol: symbolOf(view), timestamp: as_of, data });
}

function dataOf(texts: readonly string[], view: DialectView | undefined): HeatmapData | undefined {
  return view === undefined ? undefined : gridOf(symbolOf(view), texts.map(rowOf));
}

function rowOf(text: string): HeatmapRow {
  return JSON.parse(text) as HeatmapRow;
}

function changesOf(rows: readonly HeatmapRow[], removes: readonly string[]): HeatmapChanges {
  const columns = rows.filter(({ price }) => price === 0);
  const newest = columns.find(({ as_of }) => as_of !== undefined);
  const gone = removes.map(placeOf);
  const removedTimes = gone.filter(([, price]) => price === 0).map(([time]) => time);
  return {
    cells: rows
      .filter(({ price }) => price !== 0)
      .map(({ time, price, value }) => [time, price, value] as const),
    removes: gone.filter(([time, price]) => price !== 0 && !removedTimes.includes(time)),
    closes: columns.map(({ time, value }) => [time, value] as const),
    removed_times: removedTimes,
    ...(newest !== undefined && {
      step: newest.step ?? 0,
      price: newest.value,
      as_of: newest.as_of ?? 0,
    }),
  };
}

/** The time and price of a row's key. */
function placeOf(key: string): readonly [time: number, price: number] {
  const values = JSON.parse(key) as readonly string[];
  const of = (column: (typeof HEATMAP_KEY)[number]): number =>
    Number(values[HEATMAP_KEY.indexOf(column)]);
  return [of("time"), of("price")];
}
