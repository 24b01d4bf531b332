/**
 * A Binance source on a manual clock over the exchange of `binance-exchange.ts`, with the tables
 * that its commits make, and the books that it should have shown, computed anew from all messages.
 */
import { ExchangeSource } from "../../src/sources/binance/source.ts";
import { checkOptions, type BinanceOptions } from "../../src/sources/binance/options.ts";
import type { SourceContext, SourceDraft } from "../../src/sources/source.ts";
import type { Row } from "../../src/protocol/row.ts";
import { ManualClock } from "../../src/std/manual-clock.ts";
import { seededRandom } from "../../src/std/random.ts";
import { BinanceExchange } from "./binance-exchange.ts";
import type { BinanceFeed, BinanceMessage } from "./binance-feed.ts";
import { BinanceWire } from "./binance-wire.ts";

/** Rounds of timers and promises after which nothing more happens at one time. */
const ROUNDS = 6;
const STEP_MS = 20;
const START_STEPS_MAX = 3_000;

export interface RunOptions extends Partial<BinanceOptions> {
  readonly feed: BinanceFeed;
  readonly seed?: number;
  /** How long the log takes for a commit. */
  readonly appendMs?: number;
  readonly sourcePosition?: string;
}

export class BinanceRun {
  readonly clock: ManualClock;
  readonly exchange: BinanceExchange;
  readonly wire: BinanceWire;
  readonly source: ExchangeSource;
  readonly drafts: SourceDraft[] = [];
  /** Rows by key, by channel. */
  readonly tables = new Map<string, Map<string, Row>>();
  readonly statuses = new Map<string, { readonly status: string; readonly reason?: string }>();
  /** How often each trade was upserted, by key. */
  readonly tradeUpserts = new Map<string, number>();
  readonly warnings: string[] = [];
  asOfMs = 0;
  sourcePosition: string | undefined;
  /** Called after each commit. */
  onCommit: (draft: SourceDraft) => void = () => {};
  readonly #context: SourceContext;
  #lifeMs = 0;

  constructor({ feed, seed = 1, appendMs = 0, sourcePosition, ...options }: RunOptions) {
    const symbols = [...new Set(feed.messages.map(({ data }) => data.s))];
    this.clock = new ManualClock((feed.messages[0]?.atMs ?? 0) - 1_000);
    this.exchange = new BinanceExchange(() => this.clock.now(), feed.books);
    this.wire = new BinanceWire(this.clock, this.exchange);
    this.sourcePosition = sourcePosition;
    this.source = new ExchangeSource(checkOptions({ symbols, ...options }), this.wire);
    const log = (_fields: object, message: string): void => void this.warnings.push(message);
    let last: Promise<unknown> = Promise.resolve();
    const append = async (draft: SourceDraft): Promise<number> => {
      if (appendMs > 0)
        await new Promise<void>((resolve) => this.clock.after(appendMs, () => resolve()));
      this.#apply(draft);
      return this.drafts.length;
    };
    const position = (): string | undefined => this.sourcePosition;
    this.#context = {
      clock: this.clock,
      random: seededRandom(seed),
      logger: { info: () => {}, warn: log, error: log },
      get sourcePosition() {
        return position();
      },
      append: (draft) => {
        const appended = last.then(() => append(draft));
        last = appended;
        return appended;
      },
      refuse: () => {},
      durable: () => Promise.resolve(),
      interest: { views: [], onChange: () => () => {} },
    };
  }

  rows(channel: string): readonly Row[] {
    return [...(this.tables.get(channel)?.values() ?? [])];
  }

  /** The row of a symbol in `markets`. */
  market(symbol: string): Row {
    return this.tables.get("markets")?.get(symbol) ?? {};
  }

  /** The rows of a symbol's book as `bookTexts` writes them. */
  book(symbol: string): string {
    const side = (name: string): readonly (readonly [string, string])[] =>
      this.rows("depth")
        .filter((row) => row["symbol"] === symbol && row["side"] === name)
        .map((row) => [String(row["price"]), String(row["quantity"])]);
    return textOf(side("bid"), side("ask"), Number.POSITIVE_INFINITY);
  }

  async start(): Promise<void> {
    const start = { isOver: false };
    const starting = this.source.start(this.#context).finally(() => (start.isOver = true));
    // The caller sees the outcome below.
    starting.catch(() => {});
    await this.settle();
    for (let step = 0; !start.isOver && step < START_STEPS_MAX; step++) await this.pass(STEP_MS);
    await starting;
    await this.settle();
  }

  /** Lets happen what happens without time passing. */
  async settle(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      this.clock.advance(0);
    }
  }

  /** Lets time pass, in steps. Once a second the exchange sends a mark price. */
  async pass(ms: number, stepMs = STEP_MS): Promise<void> {
    const endMs = this.clock.now() + ms;
    while (this.clock.now() < endMs) {
      this.clock.advance(Math.min(stepMs, endMs - this.clock.now()));
      await new Promise((resolve) => setImmediate(resolve));
      if (this.clock.now() - this.#lifeMs < 1_000) continue;
      this.#lifeMs = Math.floor(this.clock.now());
      const [first = ""] = [...this.exchange.clients].flatMap(({ streams }) =>
        [...streams].filter((stream) => stream.endsWith("@markPrice@1s")),
      );
      const symbol = first.split("@")[0]?.toUpperCase() ?? "";
      this.exchange.emit(first, { e: "markPriceUpdate", E: this.#lifeMs, s: symbol });
    }
  }

  /** Sends a message when it was received. */
  async play({ atMs, stream, data }: BinanceMessage): Promise<void> {
    if (atMs > this.clock.now()) await this.pass(atMs - this.clock.now());
    this.exchange.emit(stream, data);
    await this.settle();
  }

  #apply(draft: SourceDraft): void {
    this.drafts.push(draft);
    for (const { channel, upserts, removes, reload } of draft.changes) {
      const table = this.tables.get(channel) ?? new Map<string, Row>();
      this.tables.set(channel, table);
      if (reload === true) table.clear();
      for (const key of removes) table.delete(key);
      for (const { key, row } of upserts) {
        table.set(key, row);
        if (channel === "trades") this.tradeUpserts.set(key, (this.tradeUpserts.get(key) ?? 0) + 1);
      }
    }
    const all = draft.declares?.map(({ name }) => name) ?? [];
    for (const { channels = all, status } of draft.status ?? [])
      for (const channel of channels) this.statuses.set(channel, status);
    this.sourcePosition = draft.sourcePosition ?? this.sourcePosition;
    if (draft.asOfMs !== undefined && draft.asOfMs <= this.asOfMs)
      throw new Error("the as-of time goes back");
    this.asOfMs = draft.asOfMs ?? this.asOfMs;
    this.onCommit(draft);
  }
}

/**
 * The best levels of a symbol's book before its first event and after each one, each computed from
 * all events so far: slow, and unlike the source.
 */
export function bookTexts(feed: BinanceFeed, symbol: string, levels: number): readonly string[] {
  const before = feed.books.get(symbol) ?? { b: [], a: [] };
  const events = feed.messages.flatMap(({ data }) =>
    data.e === "depthUpdate" && data.s === symbol ? [data] : [],
  );
  return Array.from({ length: events.length + 1 }, (_, count) => {
    const known = [before, ...events.slice(0, count)];
    const sideOf = (all: readonly (readonly [string, string])[]): [string, string][] =>
      Object.entries(Object.fromEntries(all)).filter(([, quantity]) => Number(quantity) > 0);
    return textOf(sideOf(known.flatMap(({ b }) => b)), sideOf(known.flatMap(({ a }) => a)), levels);
  });
}

function textOf(
  bids: readonly (readonly [string, string])[],
  asks: readonly (readonly [string, string])[],
  levels: number,
): string {
  const best = (
    side: readonly (readonly [string, string])[],
    direction: 1 | -1,
  ): readonly (readonly [string, string])[] =>
    side.toSorted(([left], [right]) => direction * (Number(left) - Number(right))).slice(0, levels);
  return JSON.stringify([best(bids, -1), best(asks, 1)]);
}
