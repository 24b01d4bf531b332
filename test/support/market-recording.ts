/** A short recording in the form of Binance's streams, made from a seed, and what it contains. */
import { seededRandom } from "../../src/std/random.ts";

export interface RecordedTrade {
  readonly symbol: string;
  readonly id: number;
  readonly price: string;
  readonly quantity: string;
  readonly side: "buy" | "sell";
  readonly timeMs: number;
}

export interface MarketRecording {
  readonly text: string;
  readonly trades: readonly RecordedTrade[];
  /** The levels at the end, the best one first. */
  levels(
    symbol: string,
    side: "bid" | "ask",
  ): readonly (readonly [price: string, quantity: string])[];
}

const SYMBOLS = ["BTCUSDT", "BUUSDT", "CCUSDT"];
const START_MS = Date.UTC(2026, 0, 31, 12);
const STEP_MS = 100;
const STEPS = 900;

export function recordingOf(seed: number): MarketRecording {
  const random = seededRandom(seed);
  const whole = (most: number): number => Math.floor(random.next() * most);
  const trades: RecordedTrade[] = [];
  const lines = ["wss://example/stream <-> 0"];
  const books = new Map<string, Map<string, string>>();
  for (let step = 0; step < STEPS; step++) {
    const timeMs = START_MS + step * STEP_MS;
    const send = (stream: string, data: object): void =>
      void lines.push(`${timeMs / 1_000}: ${JSON.stringify({ stream, data })}`);
    const symbol = SYMBOLS[whole(SYMBOLS.length)] as string;
    const price = (100 + whole(100) / 100).toFixed(2);
    const [trade, id] = [whole(2_000) + 1, step + 1];
    const isSale = random.next() < 0.5;
    trades.push({
      symbol,
      id,
      price,
      quantity: String(trade),
      side: isSale ? "sell" : "buy",
      timeMs,
    });
    send("aggTrade", {
      e: "aggTrade",
      s: symbol,
      a: id,
      p: price,
      q: String(trade),
      T: timeMs,
      m: isSale,
    });
    const [bid, ask] = [(99 + whole(90) / 100).toFixed(2), (101 + whole(90) / 100).toFixed(2)];
    const [bidLots, askLots] = [String(whole(5)), String(whole(5))];
    for (const [side, at, lots] of [
      ["bid", bid, bidLots],
      ["ask", ask, askLots],
    ] as const) {
      const book = books.get(`${symbol} ${side}`) ?? new Map<string, string>();
      books.set(`${symbol} ${side}`, book);
      if (lots === "0") book.delete(at);
      else book.set(at, lots);
    }
    send("depth", { e: "depthUpdate", s: symbol, b: [[bid, bidLots]], a: [[ask, askLots]] });
    send("bookTicker", {
      e: "bookTicker",
      s: symbol,
      u: id,
      b: bid,
      B: "1",
      a: ask,
      A: "1",
      T: timeMs,
    });
  }
  return {
    text: `${lines.join("\n")}\n`,
    trades,
    levels: (symbol, side) =>
      [...(books.get(`${symbol} ${side}`) ?? [])].sort(([left], [right]) =>
        side === "ask" ? Number(left) - Number(right) : Number(right) - Number(left),
      ),
  };
}
