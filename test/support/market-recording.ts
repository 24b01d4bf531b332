/**
 * Recordings in the form of Binance's streams, and what they contain, read in another way than the
 * dashboard does: a short one that is made from a seed, and a minute that somebody recorded.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { seededRandom } from "../../src/std/random.ts";

export interface RecordedTrade {
  readonly symbol: string;
  readonly id: number;
  readonly price: string;
  readonly quantity: string;
  readonly side: "buy" | "sell";
  readonly timeMs: number;
}

/** What the tables hold after some of the messages. */
interface MarketState {
  readonly trades: readonly RecordedTrade[];
  /** `symbol bid ask`, in the order of the symbols. */
  readonly quotes: readonly string[];
  /** The levels `price quantity`, the best one first. */
  levels(symbol: string, side: "bid" | "ask"): readonly string[];
}

export interface MarketRecording {
  readonly text: string;
  readonly lengthMs: number;
  readonly messageCount: number;
  /** After so many messages; all by default. */
  state(messageCount?: number): MarketState;
}

type Levels = readonly (readonly [price: string, quantity: string])[];

interface Message {
  readonly e: string;
  readonly s: string;
  readonly a: number | string | Levels;
  readonly b: string | Levels;
  readonly p: string;
  readonly q: string;
  readonly T: number;
  readonly m: boolean;
}

const file = fileURLToPath(
  new URL("../../../shared/data/binance-futures-2021-07-22.ws.txt.gz", import.meta.url),
);

/** Undefined where the recording, which is not part of the project, is absent. */
export function recordedMinute(): MarketRecording | undefined {
  return existsSync(file) ? readRecording(gunzipSync(readFileSync(file)).toString()) : undefined;
}

function readRecording(text: string): MarketRecording {
  const lines = text.split("\n").slice(1, -1);
  const messages = lines.map(
    (line) => (JSON.parse(line.slice(line.indexOf(":") + 1)) as { data: Message }).data,
  );
  const atMs = (line: string | undefined): number => Number.parseFloat(line ?? "0") * 1_000;
  return {
    text,
    lengthMs: atMs(lines.at(-1)) - atMs(lines[0]),
    messageCount: messages.length,
    state: (count = messages.length) => stateAfter(messages.slice(0, count)),
  };
}

function stateAfter(messages: readonly Message[]): MarketState {
  const trades: RecordedTrade[] = [];
  const quotes = new Map<string, string>();
  const books = new Map<string, Map<string, string>>();
  for (const { e, s: symbol, a, b, p, q, T, m } of messages)
    if (e === "aggTrade")
      trades.push({
        symbol,
        id: Number(a),
        price: p,
        quantity: q,
        side: m ? "sell" : "buy",
        timeMs: T,
      });
    else if (e === "bookTicker") quotes.set(symbol, `${symbol} ${String(b)} ${String(a)}`);
    else if (e === "depthUpdate")
      for (const [side, levels] of Object.entries({ bid: b as Levels, ask: a as Levels })) {
        const book = books.get(`${symbol} ${side}`) ?? new Map<string, string>();
        books.set(`${symbol} ${side}`, book);
        for (const [price, quantity] of levels)
          if (Number(quantity) === 0) book.delete(price);
          else book.set(price, quantity);
      }
  return {
    trades,
    quotes: [...quotes.values()].sort(),
    levels: (symbol, side) =>
      [...(books.get(`${symbol} ${side}`) ?? [])]
        .sort(([left], [right]) => (Number(left) - Number(right)) * (side === "ask" ? 1 : -1))
        .map((level) => level.join(" ")),
  };
}

const SYMBOLS = ["BTCUSDT", "BUUSDT", "CCUSDT"];
const START_MS = Date.UTC(2026, 0, 31, 12);
const STEP_MS = 100;
const STEPS = 900;

export function recordingOf(seed: number): MarketRecording {
  const random = seededRandom(seed);
  const whole = (most: number): number => Math.floor(random.next() * most);
  const lines = ["wss://example/stream <-> 0"];
  for (let step = 0; step < STEPS; step++) {
    const timeMs = START_MS + step * STEP_MS;
    const symbol = SYMBOLS[whole(SYMBOLS.length)] as string;
    const send = (e: string, data: object): void => {
      const message = { stream: e, data: { e, s: symbol, T: timeMs, ...data } };
      lines.push(`${timeMs / 1_000}: ${JSON.stringify(message)}`);
    };
    const p = (100 + whole(100) / 100).toFixed(2);
    send("aggTrade", { a: step + 1, p, q: String(whole(2_000) + 1), m: random.next() < 0.5 });
    const [bid, ask] = [(99 + whole(90) / 100).toFixed(2), (101 + whole(90) / 100).toFixed(2)];
    send("depthUpdate", { b: [[bid, String(whole(5))]], a: [[ask, String(whole(5))]] });
    send("bookTicker", { u: step + 1, b: bid, B: "1", a: ask, A: "1" });
  }
  return readRecording(`${lines.join("\n")}\n`);
}

/** A trade of one market in every second and a half, for candles over some hours. */
export function longRecording(tradeCount: number): MarketRecording {
  const lines = ["wss://example/stream <-> 0"];
  const random = seededRandom(5);
  for (let id = 1; id <= tradeCount; id++) {
    const timeMs = START_MS + id * 1_500;
    const p = (100 + Math.floor(random.next() * 100) / 100).toFixed(2);
    const trade = { e: "aggTrade", s: "BTCUSDT", a: id, p, q: String(id), T: timeMs, m: false };
    const quote = { e: "bookTicker", s: "BTCUSDT", u: id, b: p, B: "1", a: p, A: "1", T: timeMs };
    for (const data of id === 1 ? [quote, trade] : [trade])
      lines.push(`${timeMs / 1_000}: ${JSON.stringify({ stream: data.e, data })}`);
  }
  return readRecording(`${lines.join("\n")}\n`);
}
