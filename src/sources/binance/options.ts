/** The options of `binance()`, checked once. */
import { TidemarkError } from "../../std/errors.ts";
import type { ChannelBounds, ChannelHistory } from "../../log/limits.ts";
import { BINANCE_STREAMS, type BinanceMarket, type BinanceStream } from "./endpoints.ts";
import { binanceLimits, type BinanceLimits } from "./limits.ts";

/** One of the channels of the source. */
export interface BinanceChannel {
  /** Default: `trades`, `quotes`, `depth`, `markets`. */
  readonly name?: string;
  /** Default of `trades`: 100,000 rows. The others need no more than their symbols do. */
  readonly bounds?: Partial<ChannelBounds>;
  /** Keeps the rows in the history store. */
  readonly history?: Partial<ChannelHistory>;
}

/** The channels of a source by what they hold. */
export type ChannelKind = "trades" | "quotes" | "depth" | "markets";

export interface BinanceOptions {
  /** Such as `BTCUSDT`. */
  readonly symbols: readonly string[];
  /** Default `futures`: the contracts that are margined in USDT. */
  readonly market?: BinanceMarket;
  /** Default: all three. A channel without its stream is not declared. */
  readonly streams?: readonly BinanceStream[];
  /** Unique in its server. Default `binance`. */
  readonly name?: string;
  readonly channels?: Readonly<Partial<Record<ChannelKind, BinanceChannel>>>;
  /** Levels of the book per side, the best ones. Default 100, at most 500. */
  readonly depthLevels?: number;
  /**
   * Base address of the WebSocket streams. Default: Binance's. One that ends in `/stream` has all
   * streams on one connection.
   */
  readonly url?: string;
  /** Base address of the HTTP interface. Default: Binance's. */
  readonly restUrl?: string;
  readonly limits?: Partial<BinanceLimits>;
}

export interface CheckedOptions {
  readonly symbols: readonly string[];
  readonly market: BinanceMarket;
  readonly streams: readonly BinanceStream[];
  readonly name: string;
  readonly channels: Readonly<Partial<Record<ChannelKind, BinanceChannel>>>;
  readonly depthLevels: number;
  readonly url: string | undefined;
  readonly restUrl: string | undefined;
  readonly limits: BinanceLimits;
}

const DEPTH_LEVELS_MAX = 500;

/** @throws TidemarkError `BAD_OPTION` */
export function checkOptions(options: BinanceOptions): CheckedOptions {
  const { market = "futures", streams = BINANCE_STREAMS, depthLevels = 100 } = options;
  const limits = binanceLimits(options.limits);
  const symbols = [...new Set(options.symbols.map((symbol) => symbol.toUpperCase()))];
  if (symbols.length === 0 || symbols.length > limits.symbolsMax)
    throw bad(`\`symbols\` must name 1 to ${limits.symbolsMax} symbols (limits.symbolsMax)`);
  const wrong = symbols.find((symbol) => !/^[A-Z0-9_]{1,40}$/.test(symbol));
  if (wrong !== undefined) throw bad(`"${wrong}" is no symbol, such as BTCUSDT`);
  if (market !== "futures" && market !== "spot") throw bad("`market` must be futures or spot");
  const unknown = streams.find((stream) => !BINANCE_STREAMS.includes(stream));
  if (unknown !== undefined || streams.length === 0)
    throw bad(`\`streams\` must be some of ${BINANCE_STREAMS.join(", ")}`);
  if (!Number.isInteger(depthLevels) || depthLevels < 1 || depthLevels > DEPTH_LEVELS_MAX)
    throw bad(`\`depthLevels\` must be a whole number from 1 to ${DEPTH_LEVELS_MAX}`);
  return {
    symbols,
    market,
    streams: BINANCE_STREAMS.filter((stream) => streams.includes(stream)),
    name: options.name ?? "binance",
    channels: options.channels ?? {},
    depthLevels,
    url: addressOf("url", options.url, ["ws:", "wss:"]),
    restUrl: addressOf("restUrl", options.restUrl, ["http:", "https:"]),
    limits,
  };
}

function addressOf(
  option: string,
  address: string | undefined,
  protocols: readonly string[],
): string | undefined {
  if (address === undefined) return undefined;
  if (!URL.canParse(address) || !protocols.includes(new URL(address).protocol))
    throw bad(`\`${option}\` must be an address that begins with ${protocols.join("// or ")}//`);
  return address.replace(/\/+$/, "");
}

function bad(what: string): TidemarkError {
  return new TidemarkError("BAD_OPTION", `binance(): ${what}.`);
}
