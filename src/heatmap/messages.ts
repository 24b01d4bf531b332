/**
 * The messages of `WS /ws/heatmap` as its clients read them. What a server sends is checked here
 * and trusted elsewhere: a text that is no message, or is out of bounds, is undefined.
 */

/** A heatmap: for each price level and time column the estimated liquidations in USD. */
export interface HeatmapData {
  readonly symbol: string;
  /** The start of each column, in Unix milliseconds, ascending. */
  readonly times: readonly number[];
  /** The middles of the levels, ascending, `step` apart. */
  readonly prices: readonly number[];
  /** One array for each price, with one value for each time. */
  readonly values: readonly (readonly number[])[];
  /** The last price of each column. */
  readonly closes: readonly number[];
  readonly step: number;
  /** The last price, and the time of its trade in Unix milliseconds; absent without trades. */
  readonly price?: number;
  readonly as_of?: number;
}

/** What differs, to be applied in this order. */
export interface HeatmapChanges {
  readonly removed_times: readonly number[];
  readonly removes: readonly (readonly [time: number, price: number])[];
  readonly closes: readonly (readonly [time: number, price: number])[];
  readonly cells: readonly (readonly [time: number, price: number, value: number])[];
  /** Absent where it is as before. */
  readonly step?: number;
  readonly price?: number;
  readonly as_of?: number;
}

/** What the server refuses. */
export interface HeatmapError {
  readonly code: string;
  readonly message: string;
  /** The symbol that is refused; undefined for what concerns the whole connection. */
  readonly symbol: string | undefined;
}

export type ServerMessage =
  | { readonly type: "snapshot"; readonly symbol: string; readonly data: HeatmapData }
  | { readonly type: "changes"; readonly symbol: string; readonly data: HeatmapChanges }
  | {
      readonly type: "status";
      readonly status: string;
      readonly reason: string | undefined;
    }
  | { readonly type: "error"; readonly error: HeatmapError }
  /** `pong`, and what later servers may add. */
  | { readonly type: "other" };

/** A larger grid is refused: no page can show it. */
export const CELLS_MAX = 250_000;

type Fields = Readonly<Record<string, unknown>>;

/** The message of a frame, or undefined for what is none. */
export function parseMessage(text: unknown): ServerMessage | undefined {
  const fields = parseFields(text);
  if (fields === undefined) return undefined;
  const { type, symbol, data } = fields;
  switch (type) {
    case "snapshot": {
      const whole = parseData(data, symbol);
      return whole && { type, symbol: whole.symbol, data: whole };
    }
    case "changes": {
      const changes = parseChanges(data);
      return typeof symbol === "string" && changes ? { type, symbol, data: changes } : undefined;
    }
    case "status":
      return typeof fields["status"] === "string"
        ? { type, status: fields["status"], reason: textOf(fields["reason"]) }
        : undefined;
    case "error":
      return { type, error: parseError(fields, textOf(symbol)) };
    default:
      return typeof type === "string" ? { type: "other" } : undefined;
  }
}

/** An error message, or the body of the REST twin's answer about a symbol. */
export function parseError(value: unknown, symbol: string | undefined): HeatmapError {
  const fields = fieldsOf(value);
  return {
    code: textOf(fields?.["code"]) ?? "UNKNOWN",
    message: textOf(fields?.["message"]) ?? "The server did not say what is wrong.",
    symbol,
  };
}

function parseFields(text: unknown): Fields | undefined {
  if (typeof text !== "string") return undefined;
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The data of a message, or the body of the REST twin, which equals it. */
export function parseData(value: unknown, symbol: unknown): HeatmapData | undefined {
  const data = fieldsOf(value);
  if (data === undefined || typeof symbol !== "string" || data["symbol"] !== symbol)
    return undefined;
  const { times, prices, values, closes } = data;
  const isWhole =
    isAscending(times) &&
    isAscending(prices) &&
    times.length * prices.length <= CELLS_MAX &&
    Array.isArray(values) &&
    values.length === prices.length &&
    values.every((row) => isNumbers(row) && row.length === times.length) &&
    isNumbers(closes) &&
    closes.length === times.length &&
    Number.isFinite(data["step"]) &&
    isAbsentOrNumber(data["price"]) &&
    isAbsentOrNumber(data["as_of"]);
  return isWhole ? (value as HeatmapData) : undefined;
}

function parseChanges(value: unknown): HeatmapChanges | undefined {
  const data = fieldsOf(value);
  if (data === undefined) return undefined;
  const isWhole =
    isNumbers(data["removed_times"]) &&
    isTuples(data["removes"], 2) &&
    isTuples(data["closes"], 2) &&
    isTuples(data["cells"], 3) &&
    isAbsentOrNumber(data["step"]) &&
    isAbsentOrNumber(data["price"]) &&
    isAbsentOrNumber(data["as_of"]);
  return isWhole ? (value as HeatmapChanges) : undefined;
}

function isAbsentOrNumber(value: unknown): boolean {
  return value === undefined || Number.isFinite(value);
}

function isTuples(value: unknown, length: number): value is readonly (readonly number[])[] {
  return Array.isArray(value) && value.every((each) => isNumbers(each) && each.length === length);
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((each) => Number.isFinite(each));
}

function isAscending(value: unknown): value is readonly number[] {
  return (
    isNumbers(value) && value.every((each, index) => index === 0 || each > (value[index - 1] ?? 0))
  );
}

function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
