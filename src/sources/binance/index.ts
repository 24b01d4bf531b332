/** The entry point `tidemark/binance`: trades, quotes and books of Binance as live tables. */
import { checkOptions, type BinanceOptions } from "./options.ts";
import { ExchangeSource, type BinanceSource } from "./source.ts";
import { webTransport } from "./transport.ts";

export type { BinanceChannel, BinanceOptions, ChannelKind } from "./options.ts";
export type { BinanceSource } from "./source.ts";
export type { BinanceLimits } from "./limits.ts";
export type { BinanceMarket, BinanceStream } from "./endpoints.ts";
export type {
  BinanceLevel,
  BinanceMarketRow,
  BinanceQuote,
  BinanceTrade,
  PartState,
} from "./rows.ts";

/**
 * Market data of Binance as a source, without an account: `binance({ symbols: ["BTCUSDT"] })`. Its
 * channels are `trades`, `quotes`, `depth` and `markets`, whose rows say how each symbol is
 * followed.
 * @throws TidemarkError `BAD_OPTION`
 */
export function binance(options: BinanceOptions): BinanceSource {
  return new ExchangeSource(checkOptions(options), webTransport);
}
