/** What Binance's streams send over about a minute: recorded, and generated in the same shapes. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { seededRandom, type Random } from "../../src/std/random.ts";

export type Levels = readonly (readonly [price: string, quantity: string])[];

interface DepthData {
  readonly e: "depthUpdate";
  readonly E: number;
  readonly T: number;
  readonly s: string;
  readonly U: number;
  readonly u: number;
  readonly pu: number;
  readonly b: Levels;
  readonly a: Levels;
}

export interface TradeData {
  readonly e: "aggTrade";
  readonly E: number;
  readonly a: number;
  readonly s: string;
  readonly p: string;
  readonly q: string;
  readonly f: number;
  readonly l: number;
  readonly T: number;
  readonly m: boolean;
}

interface QuoteData {
  readonly e: "bookTicker";
  readonly u: number;
  readonly s: string;
  readonly b: string;
  readonly B: string;
  readonly a: string;
  readonly A: string;
  readonly T: number;
  readonly E: number;
}

interface OtherData {
  readonly e: "kline" | "markPriceUpdate";
  readonly E: number;
  readonly s: string;
}

export type BinanceData = DepthData | TradeData | QuoteData | OtherData;

export interface BinanceMessage {
  /** When it was received, in Unix milliseconds. */
  readonly atMs: number;
  readonly stream: string;
  readonly data: BinanceData;
}

/** The messages, and the books before the first of them. */
export interface BinanceFeed {
  readonly messages: readonly BinanceMessage[];
  readonly books: ReadonlyMap<string, FormerBook>;
}

interface FormerBook {
  readonly lastId: number;
  readonly b: Levels;
  readonly a: Levels;
}

const recording = fileURLToPath(
  new URL("../../../shared/data/binance-futures-2021-07-22.ws.txt.gz", import.meta.url),
);

/** Undefined where the recording, which is not part of the project, is absent. */
export function recordedFeed(): BinanceFeed | undefined {
  if (!existsSync(recording)) return undefined;
  const lines = gunzipSync(readFileSync(recording)).toString().split("\n").slice(1);
  const messages = lines
    .filter((line) => line !== "")
    .map((line): BinanceMessage => {
      const colon = line.indexOf(":");
      const message = JSON.parse(line.slice(colon + 1)) as Omit<BinanceMessage, "atMs">;
      return { ...message, atMs: Math.round(Number(line.slice(0, colon)) * 1_000) };
    });
  // Nobody recorded a snapshot: the books hold what the events have set.
  const books = new Map<string, FormerBook>();
  for (const { data } of messages)
    if (data.e === "depthUpdate" && !books.has(data.s))
      books.set(data.s, { lastId: data.pu, b: [], a: [] });
  return { messages, books };
}

const START_MS = 1_626_992_741_000;
const LEVELS = 120;

/** Four markets of ten ticks a second, whose prices wander. */
export function generatedFeed(seed: number, lengthMs = 60_000): BinanceFeed {
  const random = seededRandom(seed);
  const markets = ["AAUSDT", "BBUSDT", "CCUSDT", "DDUSDT"].map(
    (symbol, index) => new GeneratedMarket(symbol, random, 1_000 * (index + 1)),
  );
  const books = new Map(markets.map((market) => [market.symbol, market.book()]));
  const messages: BinanceMessage[] = [];
  for (let timeMs = START_MS; timeMs < START_MS + lengthMs; timeMs += 100)
    for (const market of markets) messages.push(...market.tick(timeMs));
  return { messages, books };
}

/** Update ids are shared by all markets, so a market's own have holes. */
let nextUpdateId = 600_859_600_000;

class GeneratedMarket {
  readonly symbol: string;
  readonly #random: Random;
  /** Quantities by price in ticks. */
  readonly #bids = new Map<number, number>();
  readonly #asks = new Map<number, number>();
  #middle: number;
  #lastUpdateId = nextUpdateId++;
  #tradeId = 87_353_230;

  constructor(symbol: string, random: Random, middle: number) {
    this.symbol = symbol;
    this.#random = random;
    this.#middle = middle;
    for (let step = 1; step <= LEVELS; step++) {
      this.#bids.set(middle - step, this.#quantity());
      this.#asks.set(middle + step, this.#quantity());
    }
  }

  book(): FormerBook {
    const of = (side: ReadonlyMap<number, number>): Levels =>
      Array.from(side, ([price, quantity]) => [textOf(price), String(quantity)]);
    return { lastId: this.#lastUpdateId, b: of(this.#bids), a: of(this.#asks) };
  }

  tick(timeMs: number): readonly BinanceMessage[] {
    const messages: BinanceMessage[] = [];
    const send = (stream: string, data: BinanceData): void => {
      messages.push({ atMs: timeMs + 40, stream: `${this.symbol.toLowerCase()}@${stream}`, data });
    };
    const { bids, asks } = this.#change();
    if (this.#random.next() < 0.6) send("bookTicker", this.#quote(timeMs));
    if (this.#random.next() < 0.2) send("aggTrade", this.#trade(timeMs));
    if (bids.length + asks.length > 0) send("depth@100ms", this.#depth(timeMs, bids, asks));
    return messages;
  }

  #change(): { readonly bids: number[]; readonly asks: number[] } {
    const bids = new Set<number>();
    const asks = new Set<number>();
    if (this.#random.next() < 0.3) this.#middle += this.#random.next() < 0.5 ? 1 : -1;
    // The middle has no level, and no side reaches over it.
    for (const price of [...this.#bids.keys(), this.#middle])
      if (price >= this.#middle && this.#bids.delete(price)) bids.add(price);
    for (const price of [...this.#asks.keys(), this.#middle])
      if (price <= this.#middle && this.#asks.delete(price)) asks.add(price);
    const count = Math.floor(this.#random.next() * 6);
    for (let each = 0; each < count; each++) {
      const [side, changed, direction] =
        this.#random.next() < 0.5
          ? ([this.#bids, bids, -1] as const)
          : ([this.#asks, asks, 1] as const);
      const far = this.#random.next() < 0.7 ? 10 : LEVELS;
      const price = this.#middle + direction * (1 + Math.floor(this.#random.next() * far));
      if (this.#random.next() < 0.3) side.delete(price);
      else side.set(price, this.#quantity());
      changed.add(price);
    }
    return { bids: [...bids], asks: [...asks] };
  }

  #depth(timeMs: number, bids: readonly number[], asks: readonly number[]): DepthData {
    const of = (prices: readonly number[], side: ReadonlyMap<number, number>): Levels =>
      prices.map((price) => [textOf(price), String(side.get(price) ?? 0)]);
    const previousId = this.#lastUpdateId;
    const firstId = (nextUpdateId += 1 + Math.floor(this.#random.next() * 3));
    this.#lastUpdateId = nextUpdateId += Math.floor(this.#random.next() * 50);
    return {
      e: "depthUpdate",
      E: timeMs + 17,
      T: timeMs,
      s: this.symbol,
      U: firstId,
      u: this.#lastUpdateId,
      pu: previousId,
      b: of(bids, this.#bids),
      a: of(asks, this.#asks),
    };
  }

  #quote(timeMs: number): QuoteData {
    const bid = Math.max(...this.#bids.keys());
    const ask = Math.min(...this.#asks.keys());
    return {
      e: "bookTicker",
      u: nextUpdateId++,
      s: this.symbol,
      b: textOf(bid),
      B: String(this.#bids.get(bid)),
      a: textOf(ask),
      A: String(this.#asks.get(ask)),
      T: timeMs,
      E: timeMs + 5,
    };
  }

  #trade(timeMs: number): TradeData {
    const id = this.#tradeId++;
    return {
      e: "aggTrade",
      E: timeMs + 8,
      a: id,
      s: this.symbol,
      p: textOf(this.#middle),
      q: String(this.#quantity()),
      f: id,
      l: id,
      T: timeMs,
      m: this.#random.next() < 0.5,
    };
  }

  #quantity(): number {
    return 1 + Math.floor(this.#random.next() * 500);
  }
}

function textOf(ticks: number): string {
  return (ticks / 1_000).toFixed(4);
}
