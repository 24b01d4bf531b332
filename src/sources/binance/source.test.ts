/** What the Binance source does and says when something fails, one case at a time. */
import { describe, expect, it } from "vitest";
import { generatedFeed, type BinanceMessage } from "../../../test/support/binance-feed.ts";
import { BinanceRun, bookTexts, type RunOptions } from "../../../test/support/binance-run.ts";
import { TidemarkError } from "../../std/errors.ts";
import { binance } from "./index.ts";

const FEED = generatedFeed(7, 10_000);
const [SYMBOL = "", OTHER = ""] = [...FEED.books.keys()];
const LEVELS = 20;

function runOf(options: Partial<RunOptions> = {}): BinanceRun {
  return new BinanceRun({ feed: FEED, depthLevels: LEVELS, ...options });
}

/** The same minute for one symbol alone. */
const OWN = FEED.messages.filter(({ data }) => data.s === SYMBOL);
const TRADES = OWN.filter(({ data }) => data.e === "aggTrade");

/** As `message`, but when the clock says. */
async function send(run: BinanceRun, message: BinanceMessage | undefined): Promise<void> {
  if (message !== undefined) await run.play({ ...message, atMs: run.clock.now() });
}

function tradeIds(run: BinanceRun): readonly number[] {
  return run
    .rows("trades")
    .filter(({ symbol }) => symbol === SYMBOL)
    .map(({ id }) => Number(id))
    .sort((left, right) => left - right);
}

function idOf(message: BinanceMessage | undefined): number {
  return message?.data.e === "aggTrade" ? message.data.a : 0;
}

describe("the start", () => {
  it("declares the channels of the chosen streams, and has the books and quotes when it is over", async () => {
    const run = runOf({ symbols: [SYMBOL], streams: ["bookTicker"] });
    await run.start();
    expect(run.drafts[0]?.declares?.map(({ name }) => name)).toEqual(["quotes", "markets"]);
    expect(run.rows("quotes")).toMatchObject([{ symbol: SYMBOL }]);
    expect(run.rows("markets")).toEqual([
      {
        symbol: SYMBOL,
        trades: null,
        quotes: "live",
        depth: null,
        reason: null,
        depth_snapshots: 0,
        missing_trades: 0,
        missing_ids: null,
      },
    ]);
    expect(run.asOfMs).toBeGreaterThan(0);
    // Trades have another path at Binance; there is no connection to it.
    expect(run.exchange.connectionCount).toBe(1);
    await run.source.stop();
  });

  it("fails for a symbol that Binance does not have", async () => {
    const run = runOf();
    run.exchange.intercept = () => ({
      status: 400,
      body: { code: -1121, msg: "Invalid symbol." },
      headers: {},
    });
    await expect(run.start()).rejects.toMatchObject({ code: "BAD_OPTION" });
    expect(run.clock.pending).toBe(0);
  });

  it("is over after a while without Binance, stale with the reason, and is live when Binance is back", async () => {
    const run = runOf();
    run.exchange.isReachable = false;
    await run.start();
    expect(run.statuses.get("depth")).toEqual({ status: "stale", reason: "connection refused" });
    expect(run.asOfMs).toBe(0);
    run.exchange.isReachable = true;
    await run.pass(60_000);
    expect(run.statuses.get("depth")).toEqual({ status: "live" });
    expect(run.book(SYMBOL)).toBe(bookTexts(FEED, SYMBOL, LEVELS)[0]);
    await run.source.stop();
    expect(run.clock.pending).toBe(0);
  });

  it.each([
    { symbols: [] },
    { symbols: ["BTC/USDT"] },
    { symbols: ["A"], streams: [] },
    { symbols: ["A"], depthLevels: 501 },
    { symbols: ["A"], url: "https://fstream.binance.com" },
    { symbols: ["A"], restUrl: "fapi.binance.com" },
    { symbols: ["A"], limits: { pingMs: 1 } },
    { symbols: ["A", "B"], limits: { symbolsMax: 1 } },
  ])("refuses %j", (options) => {
    expect(() => binance(options)).toThrow(TidemarkError);
  });
});

describe("a connection", () => {
  it("counts as lost when pings are not answered, and the channels are stale meanwhile", async () => {
    const run = runOf();
    await run.start();
    const { asOfMs } = run;
    run.wire.isFrozen = true;
    await run.pass(12_000);
    expect(run.statuses.get("trades")).toEqual({
      status: "stale",
      reason: "no answer to a ping for 10000 ms",
    });
    expect(run.market(SYMBOL)).toMatchObject({ depth: "stale", trades: "stale" });
    expect(run.asOfMs).toBeLessThan(asOfMs + 2_000);
    run.wire.isFrozen = false;
    await run.pass(60_000);
    expect(run.statuses.get("trades")).toEqual({ status: "live" });
    await run.source.stop();
  });

  it("counts as lost when it is silent, although pings are answered", async () => {
    const run = runOf({ limits: { silenceMsMax: 5_000 } });
    await run.start();
    await run.pass(6_000);
    // Trades have the mark price as a sign of life.
    expect(run.statuses.get("trades")).toEqual({ status: "live" });
    expect(run.drafts.flatMap(({ status }) => status ?? [])).toContainEqual({
      channels: ["depth"],
      status: { status: "stale", reason: "no message for 5000 ms" },
    });
    await run.source.stop();
  });

  it("is replaced within the day after which Binance closes it, and the channels stay live", async () => {
    const limits = { silenceMsMax: 200_000_000, pingMs: 30_000, pongMsMax: 60_000, asOfMs: 30_000 };
    const run = runOf({ limits });
    run.wire.ageMsMax = 86_400_000;
    await run.start();
    const before = run.drafts.length;
    await run.pass(2 * 86_400_000, 10_000);
    expect(run.drafts.slice(before).flatMap(({ status }) => status ?? [])).toEqual([]);
    expect(run.exchange.connectionCount).toBe(2 * 3);
    expect(run.asOfMs).toBeGreaterThan(run.clock.now() - 100_000);
    await run.source.stop();
  });

  it("that is lost while its replacement opens costs a snapshot, and no trade", async () => {
    const run = runOf({ limits: { rotateMs: 2_000, rotateSpreadMs: 0 } });
    run.wire.latencyMs = () => 300;
    await run.start();
    // The second connections are open from 2,600 ms on; their first messages come 300 ms later.
    for (const message of FEED.messages.slice(0, 40)) await send(run, message);
    await run.pass(2_000);
    const clients = [...run.exchange.clients];
    const before = run.drafts.length;
    expect(clients).toHaveLength(4);
    for (const message of FEED.messages.slice(40, 80)) await send(run, message);
    for (const client of clients.slice(0, 2)) client.cut();
    for (const message of FEED.messages.slice(80)) await send(run, message);
    await run.pass(5_000);
    expect(run.book(SYMBOL)).toBe(bookTexts(FEED, SYMBOL, LEVELS).at(-1));
    expect(run.market(SYMBOL)).toMatchObject({ reason: null, missing_trades: 0 });
    expect(Number(run.market(SYMBOL)["depth_snapshots"])).toBeGreaterThan(1);
    expect(tradeIds(run)).toEqual(TRADES.map(idOf));
    const statuses = run.drafts.slice(before).flatMap(({ status }) => status ?? []);
    expect(statuses.filter(({ status }) => status.status === "stale")).toEqual([]);
    await run.source.stop();
  });

  it("is replaced when the server says that it closes", async () => {
    const run = runOf();
    await run.start();
    const { connectionCount } = run.exchange;
    for (const client of run.exchange.clients) client.send('{"e":"serverShutdown","E":1}');
    await send(run, OWN[0]);
    await run.pass(10_000);
    expect(run.exchange.connectionCount).toBe(connectionCount + 2);
    expect(run.statuses.get("depth")).toEqual({ status: "live" });
    await run.source.stop();
  });

  it("is tried again with growing pauses while it is closed without a message", async () => {
    const run = runOf({ limits: { startMsMax: 100 } });
    await run.start();
    const before = run.exchange.connectionCount;
    for (let second = 0; second < 600; second++) {
      run.exchange.cut();
      await run.pass(100);
    }
    // A minute of attempts on two paths: 0.5, 1, 2, 4… seconds, at least half of each.
    expect(run.exchange.connectionCount - before).toBeLessThanOrEqual(2 * 9);
    await run.source.stop();
  });

  it("skips a message that can't be read, and finds what it held missing by the ids", async () => {
    const run = runOf();
    await run.start();
    for (const client of run.exchange.clients) client.send('{"data":{"e":"depthUpdate"}}');
    await run.pass(100);
    expect(run.warnings).toContain("a message of Binance could not be read");
    await send(
      run,
      OWN.find(({ data }) => data.e === "depthUpdate"),
    );
    expect(run.book(SYMBOL)).toBe(bookTexts(FEED, SYMBOL, LEVELS)[1]);
    await run.source.stop();
  });
});

describe("a quote", () => {
  it("never goes back to an older update id", async () => {
    const run = runOf();
    await run.start();
    const [older, newer] = OWN.filter(({ data }) => data.e === "bookTicker");
    await send(run, newer);
    const shown = run.tables.get("quotes")?.get(SYMBOL);
    expect(shown).toMatchObject({ update_id: newer?.data.e === "bookTicker" && newer.data.u });
    await send(run, older);
    expect(run.tables.get("quotes")?.get(SYMBOL)).toEqual(shown);
    await run.source.stop();
  });
});

describe("a gap in a book", () => {
  it("is a status with the reason until a snapshot replaces the book, in one commit", async () => {
    const run = runOf();
    await run.start();
    const depth = OWN.filter(({ data }) => data.e === "depthUpdate");
    const texts = bookTexts(FEED, SYMBOL, LEVELS);
    await send(run, depth[0]);
    run.exchange.copies = () => 0;
    await send(run, depth[1]);
    run.exchange.copies = () => 1;
    run.exchange.intercept = () => ({ status: 503, body: "busy", headers: {} });
    await send(run, depth[2]);
    expect(run.statuses.get("depth")).toMatchObject({
      status: "catching_up",
      reason: expect.stringMatching(`^${SYMBOL}: its snapshot could not be fetched: .*503`),
    });
    expect(run.market(SYMBOL)).toMatchObject({ depth: "catching_up", quotes: "live" });
    expect(run.market(OTHER)).toMatchObject({ depth: "live" });
    // The former book stays, and an incomplete source has no new as-of time.
    expect(run.book(SYMBOL)).toBe(texts[1]);
    const { asOfMs } = run;
    await run.pass(3_000);
    expect(run.asOfMs).toBe(asOfMs);
    run.exchange.intercept = () => undefined;
    const before = run.drafts.length;
    await run.pass(5_000);
    const withBook = run.drafts
      .slice(before)
      .filter(({ changes }) => changes.some(({ channel }) => channel === "depth"));
    expect(withBook).toHaveLength(1);
    expect(withBook[0]?.status).toContainEqual({
      channels: ["depth"],
      status: { status: "live" },
    });
    expect(run.book(SYMBOL)).toBe(texts[3]);
    await run.source.stop();
  });
});

describe("trades", () => {
  it("that came while there was no connection are fetched, also when none comes afterwards", async () => {
    const run = runOf();
    await run.start();
    await send(run, TRADES[0]);
    run.exchange.cut();
    for (const trade of TRADES.slice(1, 5)) await send(run, trade);
    await run.pass(3_000);
    expect(tradeIds(run)).toEqual(TRADES.slice(0, 5).map(idOf));
    expect(run.statuses.get("trades")).toEqual({ status: "live" });
    await run.source.stop();
  });

  it("that came while the process was down are fetched, up to the newest", async () => {
    const first = runOf();
    await first.start();
    for (const trade of TRADES.slice(0, 3)) await send(first, trade);
    await first.source.stop();
    const position = first.sourcePosition ?? "";
    expect(JSON.parse(position)).toMatchObject({ [SYMBOL]: idOf(TRADES[2]) });
    const second = runOf({ sourcePosition: position });
    for (const { stream, data } of TRADES.slice(0, 8)) second.exchange.emit(stream, data);
    await second.start();
    expect(tradeIds(second)).toEqual(TRADES.slice(3, 8).map(idOf));
    await second.source.stop();
    // What is no position of this source counts as none.
    const third = runOf({ sourcePosition: "no JSON" });
    await third.start();
    expect(third.statuses.get("trades")).toEqual({ status: "live" });
    await third.source.stop();
  });

  it("that can't be fetched are named in the symbol's row and logged", async () => {
    const run = runOf({ limits: { fetchAttemptsMax: 3, retryMsMax: 500 } });
    await run.start();
    await send(run, TRADES[0]);
    run.exchange.copies = () => 0;
    for (const trade of TRADES.slice(1, 3)) await send(run, trade);
    run.exchange.copies = () => 1;
    run.exchange.intercept = () => ({ status: 200, body: [], headers: {} });
    await send(run, TRADES[3]);
    const [from, to] = [idOf(TRADES[1]), idOf(TRADES[2])];
    expect(run.statuses.get("trades")).toEqual({
      status: "catching_up",
      reason: `${SYMBOL}: trades ${from} to ${to} are fetched again: Binance has not returned them yet`,
    });
    await run.pass(5_000);
    expect(run.market(SYMBOL)).toMatchObject({
      trades: "live",
      missing_trades: 2,
      missing_ids: `${from} ${to}`,
    });
    expect(run.warnings).toEqual(["trades are missing: can't be fetched"]);
    expect(JSON.parse(run.sourcePosition ?? "")).toMatchObject({ [SYMBOL]: idOf(TRADES[3]) });
    await run.source.stop();
  });

  it("of one burst are one commit, and many are several, the last of which moves the as-of time", async () => {
    const run = runOf({ limits: { commitTradesMax: 4 } });
    await run.start();
    const before = run.drafts.length;
    for (const { stream, data } of TRADES.slice(0, 10)) run.exchange.emit(stream, data);
    await run.settle();
    const drafts = run.drafts.slice(before);
    const counts = drafts.map(
      ({ changes }) => changes.find(({ channel }) => channel === "trades")?.upserts.length,
    );
    expect(counts).toEqual([4, 4, 2]);
    const positions = drafts.map(
      ({ sourcePosition }) => JSON.parse(sourcePosition ?? "{}") as Record<string, number>,
    );
    expect(positions.map((position) => position[SYMBOL])).toEqual(
      [TRADES[3], TRADES[7], TRADES[9]].map(idOf),
    );
    expect(drafts.slice(0, 2).map(({ asOfMs }) => asOfMs)).toEqual([undefined, undefined]);
    await run.source.stop();
  });

  it("wait unread while the log is slow, and none is lost", async () => {
    const run = runOf({
      appendMs: 400,
      limits: { commitTradesMax: 2, waitingTradesMax: 4, rotateMs: 60_000, rotateSpreadMs: 0 },
    });
    await run.start();
    for (const trade of TRADES) {
      await send(run, trade);
      await run.pass(20);
    }
    expect(run.wire.unreadMax).toBeGreaterThan(5);
    await run.pass(20_000);
    expect(tradeIds(run)).toEqual(TRADES.map(idOf));
    expect(new Set(run.tradeUpserts.values())).toEqual(new Set([1]));
    expect(run.statuses.get("trades")).toEqual({ status: "live" });
    await run.source.stop();
  });
});

describe("a server without the paths of futures", () => {
  it("has one connection for all streams", async () => {
    const run = runOf({ url: "ws://localhost/stream/" });
    await run.start();
    expect(run.exchange.connectionCount).toBe(1);
    for (const message of OWN) await run.play(message);
    expect(run.book(SYMBOL)).toBe(bookTexts(FEED, SYMBOL, LEVELS).at(-1));
    expect(tradeIds(run)).toEqual(TRADES.map(idOf));
    await run.source.stop();
  });
});

describe("spot", () => {
  it("has one connection for all streams, and its own paths", async () => {
    const run = runOf({ market: "spot" });
    await run.start();
    expect(run.exchange.connectionCount).toBe(1);
    expect(new Set(run.exchange.requests)).toEqual(new Set(["/api/v3/depth"]));
    for (const message of OWN) await run.play(message);
    expect(run.book(SYMBOL)).toBe(bookTexts(FEED, SYMBOL, LEVELS).at(-1));
    await run.source.stop();
  });
});
