/**
 * What Binance sends, parsed once. Numbers of the exchange (prices, quantities) stay the texts that
 * came; ids and times are JSON numbers below 2^53. Fields that the source does not use are ignored.
 */

/** Price and quantity, as received. */
export type Level = readonly [price: string, quantity: string];

export interface DepthEvent {
  readonly kind: "depth";
  readonly symbol: string;
  readonly eventMs: number | undefined;
  /**
   * The event has every change of the book after this update id: `pu` of futures; the id before `U`
   * of spot, where ids have no holes.
   */
  readonly previousId: number;
  readonly lastId: number;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

export interface TradeEvent {
  readonly kind: "trade";
  readonly symbol: string;
  readonly eventMs: number | undefined;
  readonly id: number;
  readonly price: string;
  readonly quantity: string;
  /** What the taker did. */
  readonly side: "buy" | "sell";
  readonly timeMs: number;
}

interface QuoteEvent {
  readonly kind: "quote";
  readonly symbol: string;
  readonly eventMs: number | undefined;
  readonly updateId: number;
  readonly bid: Level;
  readonly ask: Level;
  /** Spot sends none. */
  readonly timeMs: number | undefined;
}

export type StreamEvent =
  | DepthEvent
  | TradeEvent
  | QuoteEvent
  /** The mark price, which the source reads only as a sign of life. */
  | { readonly kind: "life"; readonly eventMs: number }
  /** The server closes the connection soon. */
  | { readonly kind: "closing" };

export interface DepthSnapshot {
  readonly lastId: number;
  readonly eventMs: number | undefined;
  readonly timeMs: number | undefined;
  readonly bids: readonly Level[];
  readonly asks: readonly Level[];
}

type Fields = Readonly<Record<string, unknown>>;

const DECIMAL = /^\d{1,20}(\.\d{1,20})?$/;
/** Dates end here. */
const DATE_MS_MAX = 8.64e15;

/** One message of a stream. Undefined for kinds that the source does not use. @throws Error */
export function parseStreamMessage(text: string): StreamEvent | undefined {
  const message = fieldsOf(JSON.parse(text));
  const data = "data" in message ? fieldsOf(message["data"]) : message;
  switch (data["e"]) {
    case "depthUpdate":
      return depthIn(data);
    case "aggTrade":
      return tradeIn(data, textIn(data, "s"));
    case "bookTicker":
      return quoteIn(data);
    case "markPriceUpdate":
      return { kind: "life", eventMs: numberIn(data, "E") };
    case "serverShutdown":
      return { kind: "closing" };
    case undefined:
      // Spot's bookTicker has no `e`. Answers to requests have no `u`.
      return "u" in data && "b" in data ? quoteIn(data) : undefined;
    default:
      return undefined;
  }
}

/** The answer of `depth`. @throws Error */
export function parseSnapshot(body: unknown): DepthSnapshot {
  const data = fieldsOf(body);
  return {
    lastId: numberIn(data, "lastUpdateId"),
    eventMs: optionalIn(data, "E"),
    timeMs: data["T"] === undefined ? undefined : timeIn(data, "T"),
    bids: levelsIn(data, "bids"),
    asks: levelsIn(data, "asks"),
  };
}

/** The answer of `aggTrades`, by rising id. @throws Error */
export function parseTrades(body: unknown, symbol: string): readonly TradeEvent[] {
  if (!Array.isArray(body)) throw new Error("the answer is no list");
  return body
    .map((trade) => tradeIn(fieldsOf(trade), symbol))
    .toSorted((left, right) => left.id - right.id);
}

function depthIn(data: Fields): DepthEvent {
  return {
    kind: "depth",
    symbol: textIn(data, "s"),
    eventMs: optionalIn(data, "E"),
    previousId: "pu" in data ? numberIn(data, "pu") : numberIn(data, "U") - 1,
    lastId: numberIn(data, "u"),
    bids: levelsIn(data, "b"),
    asks: levelsIn(data, "a"),
  };
}

function tradeIn(data: Fields, symbol: string): TradeEvent {
  return {
    kind: "trade",
    symbol,
    eventMs: optionalIn(data, "E"),
    id: numberIn(data, "a"),
    price: decimalOf(data["p"], "p"),
    quantity: decimalOf(data["q"], "q"),
    // `m`: the buyer was the maker, so the taker sold.
    side: data["m"] === true ? "sell" : "buy",
    timeMs: timeIn(data, "T"),
  };
}

function quoteIn(data: Fields): QuoteEvent {
  return {
    kind: "quote",
    symbol: textIn(data, "s"),
    eventMs: optionalIn(data, "E"),
    updateId: numberIn(data, "u"),
    bid: [decimalOf(data["b"], "b"), decimalOf(data["B"], "B")],
    ask: [decimalOf(data["a"], "a"), decimalOf(data["A"], "A")],
    timeMs: data["T"] === undefined ? undefined : timeIn(data, "T"),
  };
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("the message is no object");
  return value as Fields;
}

function textIn(data: Fields, name: string): string {
  const value = data[name];
  if (typeof value !== "string") throw new Error(`"${name}" is no text`);
  return value;
}

function numberIn(data: Fields, name: string): number {
  const value = data[name];
  if (!Number.isSafeInteger(value)) throw new Error(`"${name}" is no integer below 2^53`);
  return value as number;
}

function timeIn(data: Fields, name: string): number {
  const value = numberIn(data, name);
  if (value < 0 || value > DATE_MS_MAX) throw new Error(`"${name}" is no time`);
  return value;
}

function optionalIn(data: Fields, name: string): number | undefined {
  return data[name] === undefined ? undefined : numberIn(data, name);
}

function decimalOf(value: unknown, name: string): string {
  if (typeof value !== "string" || !DECIMAL.test(value))
    throw new Error(`"${name}" is no decimal number in a text`);
  return value;
}

function levelsIn(data: Fields, name: string): readonly Level[] {
  const levels = data[name];
  if (!Array.isArray(levels)) throw new Error(`"${name}" is no list`);
  return levels.map((level: unknown) => {
    if (!Array.isArray(level)) throw new Error(`"${name}" has a level that is no list`);
    return [decimalOf(level[0], name), decimalOf(level[1], name)];
  });
}
