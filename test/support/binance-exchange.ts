/**
 * Binance as far as the source sees it: books, trades, streams and the two requests, without a
 * network. What is sent can be lost, doubled or delayed, and requests can fail. `binance-server.ts`
 * puts it behind real sockets, `binance-wire.ts` behind a clock.
 */
import type { BinanceData, BinanceFeed, Levels, TradeData } from "./binance-feed.ts";

export interface ExchangeClient {
  readonly streams: ReadonlySet<string>;
  send(text: string): void;
  /** Ends the connection, as a failure does. */
  cut(): void;
}

export interface ExchangeAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

interface Book {
  readonly b: Map<number, readonly [string, string]>;
  readonly a: Map<number, readonly [string, string]>;
  lastId: number;
  timeMs: number;
}

export class BinanceExchange {
  readonly clients = new Set<ExchangeClient>();
  readonly trades = new Map<string, TradeData[]>();
  /** Answers a request in place of the exchange; undefined lets it answer. */
  intercept: (path: string) => ExchangeAnswer | undefined = () => undefined;
  /** How often this message reaches this client. Default: once. */
  copies: (data: BinanceData, client: ExchangeClient) => number = () => 1;
  /** Whether connections and requests are taken. */
  isReachable = true;
  connectionCount = 0;
  readonly requests: string[] = [];
  readonly #books = new Map<string, Book>();
  readonly #now: () => number;

  constructor(now: () => number, books: BinanceFeed["books"] = new Map()) {
    this.#now = now;
    for (const [symbol, { b, a, lastId }] of books) {
      const book = this.#bookOf(symbol);
      book.lastId = lastId;
      for (const level of b) set(book.b, level);
      for (const level of a) set(book.a, level);
    }
  }

  connect(url: string, client: Pick<ExchangeClient, "send" | "cut">): ExchangeClient {
    const streams = new URL(url, "ws://localhost").searchParams.get("streams") ?? "";
    const connected = { ...client, streams: new Set(streams.split("/")) };
    this.connectionCount++;
    this.clients.add(connected);
    return connected;
  }

  /** Ends all connections. */
  cut(): void {
    for (const client of this.clients) client.cut();
  }

  /** The streams send it; the requests know it from here on. */
  emit(stream: string, data: BinanceData): void {
    this.#learn(data);
    const text = JSON.stringify({ stream, data });
    for (const client of this.clients) {
      if (!client.streams.has(stream)) continue;
      const copies = this.copies(data, client);
      for (let copy = 0; copy < copies; copy++) client.send(text);
    }
  }

  answer(url: string): ExchangeAnswer {
    const { pathname, searchParams } = new URL(url, "http://localhost");
    this.requests.push(pathname);
    const given = this.intercept(pathname);
    if (given !== undefined) return given;
    const symbol = searchParams.get("symbol") ?? "";
    const limit = Number(searchParams.get("limit"));
    const answered = (body: unknown): ExchangeAnswer => ({ status: 200, body, headers: {} });
    if (pathname.endsWith("/depth")) return answered(this.snapshot(symbol, limit));
    const fromId = Number(searchParams.get("fromId"));
    const trades = (this.trades.get(symbol) ?? []).filter(({ a }) => a >= fromId);
    return answered(
      trades.slice(0, limit).map(({ a, p, q, f, l, T, m }) => ({ a, p, q, f, l, T, m })),
    );
  }

  snapshot(symbol: string, limit: number): object {
    const { a, b, lastId, timeMs } = this.#bookOf(symbol);
    const of = (side: Book["a"], direction: 1 | -1): Levels =>
      Array.from(side)
        .sort(([left], [right]) => direction * (left - right))
        .slice(0, limit)
        .map(([, level]) => level);
    return {
      lastUpdateId: lastId,
      E: Math.floor(this.#now()),
      T: Math.floor(timeMs),
      bids: of(b, -1),
      asks: of(a, 1),
    };
  }

  #learn(data: BinanceData): void {
    if (data.e === "aggTrade") this.trades.set(data.s, [...(this.trades.get(data.s) ?? []), data]);
    if (data.e !== "depthUpdate") return;
    const book = this.#bookOf(data.s);
    for (const level of data.b) set(book.b, level);
    for (const level of data.a) set(book.a, level);
    book.lastId = data.u;
    book.timeMs = data.T;
  }

  #bookOf(symbol: string): Book {
    const known = this.#books.get(symbol);
    if (known !== undefined) return known;
    const book = { b: new Map(), a: new Map(), lastId: 1, timeMs: this.#now() };
    this.#books.set(symbol, book);
    return book;
  }
}

function set(side: Book["a"], level: readonly [string, string]): void {
  if (Number(level[1]) === 0) side.delete(Number(level[0]));
  else side.set(Number(level[0]), level);
}
