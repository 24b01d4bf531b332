/** How often the Binance source asks Binance's REST API, and what it does without an answer. */
import { describe, expect, it } from "vitest";
import { generatedFeed } from "../../../test/support/binance-feed.ts";
import { BinanceRun, type RunOptions } from "../../../test/support/binance-run.ts";

const FEED = generatedFeed(7, 10_000);
const [SYMBOL = "", OTHER = ""] = [...FEED.books.keys()];
const LEVELS = 20;

function runOf(options: Partial<RunOptions> = {}): BinanceRun {
  return new BinanceRun({ feed: FEED, depthLevels: LEVELS, ...options });
}

describe("requests to Binance", () => {
  it("stay within the weight of a minute", async () => {
    const limits = { weightPerMinuteMax: 50, startMsMax: 100, silenceMsMax: 600_000 };
    const run = runOf({ limits });
    // 2 for each snapshot, and what another program of this address has used.
    run.exchange.intercept = () => ({
      status: 200,
      body: run.exchange.snapshot(SYMBOL, 50),
      headers: { "x-mbx-used-weight-1m": "47" },
    });
    await run.start();
    // One more fits after an answer that said 47. The others were sent before it.
    const first = run.exchange.requests.length;
    run.exchange.cut();
    await run.pass(3_000);
    expect(run.exchange.requests.length - first).toBeLessThanOrEqual(1);
    expect(run.statuses.get("depth")).toMatchObject({
      status: "catching_up",
      reason: expect.stringContaining(`${OTHER}: its snapshot is fetched`),
    });
    run.exchange.intercept = () => undefined;
    await run.pass(60_000);
    expect(run.statuses.get("depth")).toEqual({ status: "live" });
    await run.source.stop();
  });

  it("stop for as long as Binance says after a refusal", async () => {
    const run = runOf({ symbols: [SYMBOL], limits: { startMsMax: 100 } });
    run.exchange.intercept = () => ({
      status: 418,
      body: { code: -1003, msg: "banned" },
      headers: { "retry-after": "40" },
    });
    await run.start();
    expect(run.market(SYMBOL)["reason"]).toContain("Binance answered 418: banned");
    run.exchange.intercept = () => undefined;
    await run.pass(39_000);
    expect(run.exchange.requests).toHaveLength(1);
    await run.pass(2_000);
    expect(run.market(SYMBOL)).toMatchObject({ depth: "live" });
    await run.source.stop();
  });

  it("that are not answered fail, and are made again", async () => {
    const run = runOf({ symbols: [SYMBOL], limits: { startMsMax: 100, requestMsMax: 1_000 } });
    run.wire.answerMs = () => 30_000;
    await run.start();
    await run.pass(1_200);
    expect(run.market(SYMBOL)["reason"]).toContain("no answer from Binance for 1000 ms");
    run.wire.answerMs = () => 10;
    await run.pass(2_000);
    expect(run.market(SYMBOL)).toMatchObject({ depth: "live", reason: null });
    await run.source.stop();
  });
});
