/** The markets that the dashboard shows, with what the built-in feed needs to know of each. */

/** A row of `symbols`. */
export interface SymbolRow {
  readonly symbol: string;
  /** What people call it, such as `Bitcoin`. */
  readonly name: string;
  /** Digits behind the point of a price, and of a quantity. */
  readonly price_digits: number;
  readonly quantity_digits: number;
}

export interface MarketSettings extends SymbolRow {
  /** The first price of the built-in feed. */
  readonly price: number;
  /** The smallest step of a price. */
  readonly tick: number;
  /** The usual quantity at one price of the book. */
  readonly lot: number;
  /** How busy the market is beside the others. */
  readonly activity: number;
}

const markets: readonly (readonly [
  symbol: string,
  name: string,
  price: number,
  tick: string,
  lot: string,
  activity: number,
])[] = [
  ["BTCUSDT", "Bitcoin", 64_250, "0.5", "0.412", 2.2],
  ["ETHUSDT", "Ether", 3_180, "0.05", "4.15", 1.8],
  ["SOLUSDT", "Solana", 148.2, "0.01", "38.5", 1.2],
  ["XRPUSDT", "XRP", 0.6132, "0.0001", "2150", 0.8],
  ["DOGEUSDT", "Dogecoin", 0.12845, "0.00001", "9800", 0.6],
  ["ADAUSDT", "Cardano", 0.4521, "0.0001", "3100", 0.4],
];

export const MARKETS: readonly MarketSettings[] = markets.map(
  ([symbol, name, price, tick, lot, activity]) => ({
    symbol,
    name,
    price_digits: digitsOf(tick),
    quantity_digits: digitsOf(lot),
    price,
    tick: Number(tick),
    lot: Number(lot),
    activity,
  }),
);

function digitsOf(decimal: string): number {
  return decimal.split(".")[1]?.length ?? 0;
}
