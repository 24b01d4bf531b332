/**
 * Addresses, paths and request weights of Binance's markets. Futures have one path for books and
 * quotes and another for trades, so they need two connections; spot has one for all.
 */

export type BinanceMarket = "futures" | "spot";

export type BinanceStream = "aggTrade" | "bookTicker" | "depth@100ms";

export const BINANCE_STREAMS: readonly BinanceStream[] = ["aggTrade", "bookTicker", "depth@100ms"];

/** A feed is named after its path, or after its server's. */
interface FeedAddress {
  readonly name: string;
  readonly streams: readonly BinanceStream[];
  readonly url: string;
}

interface Endpoints {
  readonly url: string;
  readonly restUrl: string;
  /** The streams below each path. */
  readonly paths: Readonly<Record<string, readonly BinanceStream[]>>;
  readonly restPath: string;
  /** Weights of `depth`, by the largest limit that has each. */
  readonly depthWeights: readonly (readonly [limitMax: number, weight: number])[];
  /** The limits that `depth` takes. */
  readonly depthLimits: readonly number[];
  readonly tradesWeight: number;
  /** A stream that has a message each second also in a quiet market, and the path that has it. */
  readonly signOfLife?: { readonly path: string; readonly stream: string };
}

const ENDPOINTS: Readonly<Record<BinanceMarket, Endpoints>> = {
  futures: {
    url: "wss://fstream.binance.com",
    restUrl: "https://fapi.binance.com",
    paths: { "/public": ["bookTicker", "depth@100ms"], "/market": ["aggTrade"] },
    restPath: "/fapi/v1",
    depthWeights: [
      [50, 2],
      [100, 5],
      [500, 10],
      [1_000, 20],
    ],
    depthLimits: [5, 10, 20, 50, 100, 500, 1_000],
    tradesWeight: 20,
    signOfLife: { path: "/market", stream: "markPrice@1s" },
  },
  spot: {
    url: "wss://stream.binance.com:9443",
    restUrl: "https://api.binance.com",
    paths: { "": BINANCE_STREAMS },
    restPath: "/api/v3",
    depthWeights: [
      [100, 5],
      [500, 25],
      [1_000, 50],
    ],
    depthLimits: [5, 10, 20, 50, 100, 500, 1_000],
    tradesWeight: 4,
  },
};

/** Trades in one answer of `aggTrades`. */
export const TRADES_PER_ANSWER = 1_000;

export function feedAddresses(options: {
  readonly market: BinanceMarket;
  readonly symbols: readonly string[];
  readonly streams: readonly BinanceStream[];
  readonly url: string | undefined;
}): readonly FeedAddress[] {
  const { market, symbols, url } = options;
  const { paths, signOfLife, ...defaults } = ENDPOINTS[market];
  const namesOf = (path: string, streams: readonly BinanceStream[]): string =>
    [
      ...symbols.flatMap((symbol) => streams.map((stream) => nameOf(symbol, stream))),
      ...(signOfLife?.path === path ? [nameOf(symbols[0] ?? "", signOfLife.stream)] : []),
    ].join("/");
  // A server without the paths has all streams on one connection.
  if (url?.endsWith("/stream") === true)
    return [
      {
        name: url,
        streams: options.streams,
        url: `${url}?streams=${namesOf("", options.streams)}`,
      },
    ];
  return Object.entries(paths).flatMap(([path, all]) => {
    const streams = all.filter((stream) => options.streams.includes(stream));
    if (streams.length === 0) return [];
    const address = `${url ?? defaults.url}${path}/stream?streams=${namesOf(path, streams)}`;
    return [{ name: path, streams, url: address }];
  });
}

function nameOf(symbol: string, stream: string): string {
  return `${symbol.toLowerCase()}@${stream}`;
}

export function restUrlOf(market: BinanceMarket, restUrl: string | undefined): string {
  return restUrl ?? ENDPOINTS[market].restUrl;
}

/**
 * The levels per side to fetch for a book that shows `levels`: about twice as many, since prices
 * move.
 */
export function snapshotLevels(market: BinanceMarket, levels: number): number {
  const { depthLimits } = ENDPOINTS[market];
  return depthLimits.find((limit) => limit >= levels * 2) ?? depthLimits.at(-1) ?? levels;
}

export interface RestRequest {
  readonly path: string;
  readonly weight: number;
}

export function depthRequest(market: BinanceMarket, symbol: string, limit: number): RestRequest {
  const { restPath, depthWeights } = ENDPOINTS[market];
  const weight = depthWeights.find(([limitMax]) => limit <= limitMax)?.[1] ?? 50;
  return { path: `${restPath}/depth?symbol=${symbol}&limit=${limit}`, weight };
}

export function tradesRequest(market: BinanceMarket, symbol: string, fromId: number): RestRequest {
  const { restPath, tradesWeight } = ENDPOINTS[market];
  return {
    path: `${restPath}/aggTrades?symbol=${symbol}&fromId=${fromId}&limit=${TRADES_PER_ANSWER}`,
    weight: tradesWeight,
  };
}
