/**
 * A minute of four markets, recorded and generated, as it came: on a manual clock, without faults
 * and with many. The recording is not part of the project; without it, its cases are skipped.
 */
import { describe, expect, it } from "vitest";
import {
  generatedFeed,
  recordedFeed,
  type BinanceData,
  type BinanceFeed,
} from "../../../test/support/binance-feed.ts";
import { BinanceRun, bookTexts, type RunOptions } from "../../../test/support/binance-run.ts";
import { seededRandom } from "../../std/random.ts";

const LEVELS = 20;

/** The books of a feed, for all runs over it. */
class ReplayedFeed {
  readonly feed: BinanceFeed;
  readonly symbols: readonly string[];
  readonly texts: ReadonlyMap<string, readonly string[]>;

  constructor(feed: BinanceFeed) {
    this.feed = feed;
    this.symbols = [...new Set(feed.messages.map(({ data }) => data.s))];
    this.texts = new Map(this.symbols.map((symbol) => [symbol, bookTexts(feed, symbol, LEVELS)]));
  }

  run(options: Omit<RunOptions, "feed"> = {}): BinanceRun {
    const run = new BinanceRun({ feed: this.feed, depthLevels: LEVELS, ...options });
    const shown = new Map(this.symbols.map((symbol) => [symbol, 0]));
    // Each book that a commit shows is a book that there was, and none is older than the last.
    run.onCommit = ({ changes }) => {
      for (const symbol of new Set(
        changes.flatMap(({ channel, upserts }) =>
          channel === "depth" ? upserts.map(({ row }) => String(row["symbol"])) : [],
        ),
      )) {
        const index = this.texts.get(symbol)?.indexOf(run.book(symbol), shown.get(symbol)) ?? -1;
        expect(index, `a book of ${symbol} that there was`).toBeGreaterThanOrEqual(0);
        shown.set(symbol, index);
      }
    };
    return run;
  }

  /** The source has all trades since its first of each symbol, each once, and the last books. */
  checkEnd(run: BinanceRun): void {
    expect([...run.statuses.values()]).toEqual(
      Array.from(run.statuses, () => ({ status: "live" })),
    );
    for (const symbol of this.symbols) {
      expect(run.book(symbol)).toBe(this.texts.get(symbol)?.at(-1));
      expect(run.market(symbol)).toMatchObject({ reason: null, missing_trades: 0 });
      const idsOf = (rows: readonly { readonly [name: string]: unknown }[]): readonly unknown[] =>
        rows.filter((row) => row["symbol"] === symbol).map((row) => row["id"]);
      const got = idsOf(run.rows("trades"));
      const sent = (run.exchange.trades.get(symbol) ?? []).map(({ a }) => a);
      expect(new Set(got)).toEqual(
        new Set(sent.filter((id) => id >= Math.min(...got.map(Number)))),
      );
    }
    expect(new Set(run.tradeUpserts.values())).toEqual(new Set([1]));
  }
}

function countDepth(counts: Map<string, number>, data: BinanceData): void {
  if (data.e === "depthUpdate") counts.set(data.s, (counts.get(data.s) ?? 0) + 1);
}

const recorded = recordedFeed();
const feeds = [
  { title: "a generated minute", feed: generatedFeed(1) },
  { title: "a recorded minute", feed: recorded },
];

describe.each(feeds)("$title", ({ feed }) => {
  const replayed = feed === undefined ? undefined : new ReplayedFeed(feed);

  it.skipIf(replayed === undefined)(
    "is exact after each message, at the pace at which it came",
    async () => {
      if (replayed === undefined) return;
      const run = replayed.run();
      await run.start();
      const counts = new Map<string, number>();
      for (const message of replayed.feed.messages) {
        const { data } = message;
        await run.play(message);
        countDepth(counts, data);
        if (data.e === "depthUpdate")
          expect(run.book(data.s)).toBe(replayed.texts.get(data.s)?.[counts.get(data.s) ?? 0]);
        else if (data.e === "bookTicker")
          expect(run.tables.get("quotes")?.get(data.s)).toEqual({
            symbol: data.s,
            bid: data.b,
            bid_quantity: data.B,
            ask: data.a,
            ask_quantity: data.A,
            update_id: data.u,
            time: new Date(data.T).toISOString(),
          });
        else if (data.e === "aggTrade")
          expect(run.tables.get("trades")?.get(JSON.stringify([data.s, String(data.a)]))).toEqual({
            symbol: data.s,
            id: data.a,
            price: data.p,
            quantity: data.q,
            side: data.m ? "sell" : "buy",
            time: new Date(data.T).toISOString(),
          });
      }
      replayed.checkEnd(run);
      expect(run.warnings).toEqual([]);
      // As fresh as its events and pings say, and never fresher than the exchange.
      await run.pass(2_000);
      expect(run.asOfMs).toBeLessThan(run.clock.now());
      expect(run.asOfMs).toBeGreaterThan(run.clock.now() - 4_000);
      await run.source.stop();
      expect(run.clock.pending).toBe(0);
    },
    30_000,
  );

  it.skipIf(replayed === undefined)(
    "is live all the time and has each trade once, while connections are replaced",
    async () => {
      if (replayed === undefined) return;
      const limits = { rotateMs: 7_000, rotateSpreadMs: 0 };
      const run = replayed.run({ limits });
      // The connection that replaces another may be much faster or slower than that.
      const random = seededRandom(5);
      run.wire.latencyMs = () => Math.floor(10 + random.next() * 190);
      run.wire.answerMs = () => 80;
      await run.start();
      const started = run.drafts.length;
      for (const message of replayed.feed.messages) await run.play(message);
      await run.pass(1_000);
      replayed.checkEnd(run);
      expect(run.exchange.connectionCount).toBeGreaterThanOrEqual(10);
      expect(run.exchange.requests.length).toBe(replayed.symbols.length);
      expect(run.drafts.slice(started).flatMap(({ status }) => status ?? [])).toEqual([]);
      await run.source.stop();
    },
    30_000,
  );

  it.skipIf(replayed === undefined).each([
    [1, 0],
    [2, 0],
    [3, 300],
  ])(
    "is exact whenever it is live, and complete in the end, under faults of seed %i with delays up to %i ms",
    async (seed, delayMsMax) => {
      if (replayed === undefined) return;
      const { feed, texts, symbols } = replayed;
      const random = seededRandom(seed);
      const counted = { lost: 0, doubled: 0, cut: 0, slow: 0, failed: 0, refused: 0, live: 0 };
      const limits = {
        rotateMs: 9_000,
        rotateSpreadMs: 3_000,
        reconnectBaseMs: 100,
        retryBaseMs: 100,
        retryMsMax: 1_000,
        fetchAttemptsMax: 100,
        weightPerMinuteMax: 1_000_000,
      };
      const run = replayed.run({ seed, limits });
      run.wire.latencyMs = () => Math.floor(random.next() * delayMsMax);
      // Only without delays is it known at once what must have arrived.
      const isPrompt = delayMsMax === 0;
      await run.start();
      const quietFrom = Math.floor(feed.messages.length * 0.85);
      const counts = new Map<string, number>();
      for (const [index, message] of feed.messages.entries()) {
        const isFaulty = index < quietFrom;
        const chance = random.next();
        const copies = !isFaulty || chance > 0.06 ? 1 : chance < 0.02 ? 0 : 2;
        run.exchange.copies = () => copies;
        run.wire.answerMs = () => {
          const isSlow = isFaulty && random.next() < 0.3;
          if (isSlow) counted.slow++;
          return isSlow ? random.next() * 1_500 : 0;
        };
        run.exchange.intercept = () => {
          const chance = isFaulty ? random.next() : 1;
          if (chance < 0.2) {
            counted.failed++;
            return { status: 503, body: "<html>", headers: {} };
          }
          if (chance > 0.25) return undefined;
          counted.refused++;
          return {
            status: 429,
            body: { code: -1003, msg: "slow" },
            headers: { "retry-after": "1" },
          };
        };
        await run.play(message);
        if (copies === 0) counted.lost++;
        if (copies === 2) counted.doubled++;
        countDepth(counts, message.data);
        const { data } = message;
        if (data.e === "depthUpdate" && copies > 0 && run.market(data.s)["depth"] === "live") {
          counted.live++;
          if (isPrompt) expect(run.book(data.s)).toBe(texts.get(data.s)?.[counts.get(data.s) ?? 0]);
        }
        if (isFaulty && random.next() < 0.01) {
          counted.cut++;
          run.exchange.cut();
          await run.settle();
          if (isPrompt) expect(run.statuses.get("depth")).toMatchObject({ status: "stale" });
        }
      }
      await run.pass(5_000);
      replayed.checkEnd(run);
      for (const [fault, count] of Object.entries(counted)) expect(count, fault).toBeGreaterThan(0);
      // Each loss in a book was found, and healed by a snapshot.
      expect(symbols.every((symbol) => Number(run.market(symbol)["depth_snapshots"]) > 1)).toBe(
        true,
      );
      await run.source.stop();
      if (isPrompt) expect(run.clock.pending).toBe(0);
    },
    30_000,
  );
});
