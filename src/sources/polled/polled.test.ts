/** Which queries run when, what of their results is appended, and what the status tells. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { ManualClock } from "../../std/manual-clock.ts";
import { systemRandom } from "../../std/random.ts";
import { MemoryLog } from "../../log/memory.ts";
import type { Commit } from "../../log/log.ts";
import type { JsonValue } from "../../protocol/row.ts";
import { Replica } from "../../table/replica.ts";
import { inWorker, polled, type PolledOptions, type PolledRun } from "./index.ts";
import { PolledSource } from "./polled-source.ts";

type Cell = { readonly symbol: string; readonly price: number; readonly size: number };

const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** A source over a log, with a table that follows it, and views that a test watches. */
async function begin(given: Partial<PolledOptions> & { readonly run: PolledRun }) {
  const clock = new ManualClock();
  const log = new MemoryLog({ clock, random: systemRandom });
  const replica = new Replica();
  const commits: Commit[] = [];
  const reader = await log.open(0);
  replica.begin(reader.epoch);
  reader.onAppend(() => {
    for (const commit of reader.read(1_000)) {
      replica.apply(commit);
      commits.push(commit);
    }
    reader.ack(replica.seq);
  });
  const watched: string[][] = [];
  let onInterest = (): void => {};
  const source = new PolledSource({
    channel: "cells",
    key: ["symbol", "price"],
    parameter: "symbol",
    every: 1_000,
    ...given,
  });
  const settle = async (): Promise<void> => {
    for (let turns = 0; turns < 20; turns++) {
      clock.advance(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const starting = source.start({
    clock,
    random: systemRandom,
    logger: silent,
    sourcePosition: undefined,
    append: (draft) => log.append({ ...draft, source: source.name }),
    refuse: () => {},
    durable: () => Promise.resolve(),
    interest: {
      get views() {
        return watched.map((symbols) => ({
          channel: "cells",
          query: { channel: "cells" },
          equals: symbols.length === 0 ? {} : { symbol: symbols },
        }));
      },
      onChange: (listener) => {
        onInterest = listener;
        return () => {};
      },
    },
  });
  onTestFinished(async () => {
    await source.stop();
    log.close();
  });
  await settle();
  await starting;
  return {
    clock,
    commits,
    source,
    /** Views by the symbols that they name; none for a view of all rows. */
    watch: async (...views: string[][]) => {
      watched.splice(0, watched.length, ...views);
      onInterest();
      await settle();
    },
    advance: async (ms: number) => {
      clock.advance(ms);
      await settle();
    },
    rows: (): readonly JsonValue[] =>
      Array.from(replica.table("cells")?.rows.values() ?? [], ({ row }) => row),
    status: () => {
      const { status, reason } = replica.stateOf("cells") ?? {};
      return reason === undefined ? status : `${status}: ${reason}`;
    },
    asOfMs: () => Object.values(replica.asOf)[0],
  };
}

const BTC: Cell = { symbol: "BTC", price: 1, size: 5 };
const ETH: Cell = { symbol: "ETH", price: 1, size: 7 };

describe("a polled source", () => {
  it("runs one query per watched value, however many watch, and none when nobody does", async () => {
    const runs: string[] = [];
    const run: PolledRun = ({ symbol }) => {
      runs.push(String(symbol));
      return [{ ...BTC, symbol }];
    };
    const test = await begin({ run, limits: { warmMs: 2_500 } });
    await test.advance(5_000);
    expect(runs).toEqual([]);
    expect(test.status()).toBe("catching_up: polled when a view names its symbol");
    await test.watch(["BTC"], ["BTC"], ["BTC", "ETH"], []);
    expect(runs).toEqual(["BTC", "ETH"]);
    expect(test.status()).toBe("live");
    expect(test.rows()).toEqual([BTC, { ...BTC, symbol: "ETH" }]);
    await test.advance(999);
    expect(runs).toHaveLength(2);
    await test.advance(1);
    // Two that began together are spread over the interval from then on.
    expect(runs).toEqual(["BTC", "ETH", "BTC"]);
    await test.advance(249);
    expect(runs).toHaveLength(3);
    await test.advance(1);
    expect(runs).toEqual(["BTC", "ETH", "BTC", "ETH"]);
    await test.watch(["ETH"]);
    const advance = async (ms: number): Promise<void> => {
      for (let leftMs = ms; leftMs > 0; leftMs -= 250) await test.advance(250);
    };
    await advance(2_000);
    // Kept warm, in case somebody returns.
    expect(runs.slice(4)).toEqual(["BTC", "ETH", "BTC", "ETH"]);
    await advance(1_000);
    expect(runs.slice(8)).toEqual(["ETH"]);
    expect(test.rows()).toEqual([{ ...BTC, symbol: "ETH" }]);
    expect(test.source.stats.queries).toMatchObject([
      { parameters: { symbol: "ETH" }, watchers: 1, rows: 1, changed_rows: 0, failures: 0 },
    ]);
  });

  it("appends only what differs, and nothing but freshness when nothing does", async () => {
    let rows: Cell[] = [BTC, { ...BTC, price: 2 }, { ...BTC, price: 3 }];
    const test = await begin({ run: () => rows });
    await test.watch(["BTC"]);
    expect(test.rows()).toEqual(rows);
    const before = test.commits.length;
    await test.advance(1_000);
    expect(test.commits.slice(before)).toMatchObject([{ changes: [] }]);
    expect(test.asOfMs()).toBe(test.clock.now());
    rows = [BTC, { ...BTC, price: 2, size: 6 }];
    await test.advance(1_000);
    expect(test.commits.at(-1)?.changes).toMatchObject([
      { upserts: [{ key: '["BTC","2"]' }], removes: ['["BTC","3"]'] },
    ]);
    expect(test.rows()).toEqual(rows);
  });

  it("is stale with the reason while a query fails, and tries again at longer intervals", async () => {
    const times: number[] = [];
    const clocks: ManualClock[] = [];
    let fault: string | undefined = "no disk";
    const run: PolledRun = ({ symbol }) => {
      if (symbol === "ETH") return [ETH];
      times.push(clocks[0]?.monotonic() ?? 0);
      if (fault !== undefined) throw new Error(fault);
      return [BTC];
    };
    const test = await begin({ run, limits: { retryMsMax: 4_000 } });
    clocks.push(test.clock);
    await test.watch(["BTC", "ETH"]);
    expect(test.status()).toBe('stale: the query of symbol "BTC" failed: no disk');
    expect(test.rows()).toEqual([ETH]);
    for (let step = 0; step < 11; step++) await test.advance(1_000);
    expect(times).toEqual([0, 1_000, 3_000, 7_000, 11_000]);
    fault = undefined;
    for (let step = 0; step < 4; step++) await test.advance(1_000);
    expect(test.status()).toBe("live");
    expect(test.rows()).toEqual([ETH, BTC]);
    await test.advance(1_000);
    expect(times.slice(5)).toEqual([15_000, 16_000]);
  });

  it.each([
    ["another value", [ETH], 'returned a row of symbol "ETH"'],
    ["a row without a key", [{ symbol: "BTC" }], "a row has no value in its key (symbol, price)"],
    ["two rows with one key", [BTC, BTC], 'two rows have the key ["BTC","1"]'],
    ["no list", { BTC }, "the run returned no list of rows"],
    ["too many rows", [BTC, { ...BTC, price: 2 }, { ...BTC, price: 3 }], "3 rows, more than the 2"],
  ])("refuses a result with %s whole, and keeps the one before", async (_what, bad, message) => {
    let result: unknown = [BTC];
    const run = (() => result) as PolledRun;
    const test = await begin({ run, limits: { rowsMax: 2 } });
    await test.watch(["BTC"]);
    result = bad;
    await test.advance(1_000);
    expect(test.status()).toContain(message);
    expect(test.rows()).toEqual([BTC]);
  });

  it("never runs one query twice at a time, and says when it is slower than its interval", async () => {
    let [running, most] = [0, 0];
    const clocks: ManualClock[] = [];
    const run: PolledRun = async () => {
      most = Math.max(most, ++running);
      await new Promise<void>((resolve) => clocks[0]?.after(3_000, resolve));
      running--;
      return [BTC];
    };
    const test = await begin({ run });
    clocks.push(test.clock);
    await test.watch(["BTC"]);
    expect(test.status()).toBe('catching_up: the query of symbol "BTC" has not answered yet');
    for (let step = 0; step < 13; step++) await test.advance(500);
    expect(most).toBe(1);
    expect(test.status()).toBe(
      'catching_up: the query of symbol "BTC" takes 3.0 s, longer than its interval of 1.0 s',
    );
  });

  it("aborts a run at its time limit, and when nobody waits for it any more", async () => {
    const reasons: string[] = [];
    const run: PolledRun = (_parameters, signal) => {
      signal.addEventListener("abort", () => reasons.push(String(signal.reason)));
      return new Promise(() => {});
    };
    const test = await begin({ run, limits: { timeoutMs: 5_000, warmMs: 0, retryMsMax: 1 } });
    await test.watch(["BTC"]);
    await test.advance(5_000);
    expect(reasons).toEqual(["Error: no answer for 5 s"]);
    expect(test.status()).toBe('stale: the query of symbol "BTC" failed: no answer for 5 s');
    await test.advance(1_000);
    await test.watch();
    expect(reasons.slice(1)).toEqual(["Error: nobody watches any more"]);
    expect(test.status()).toBe("catching_up: polled when a view names its symbol");
  });

  it("polls a bounded number of values, and names those that it does not", async () => {
    const run: PolledRun = ({ symbol }) => [{ ...BTC, symbol }];
    const test = await begin({ run, limits: { parametersMax: 2, warmMs: 10_000 } });
    await test.watch(["A", "B", "C", "D"]);
    expect(test.status()).toBe(
      'stale: more than 2 values of symbol are watched, and these are not polled: "C", "D"',
    );
    expect(test.rows()).toHaveLength(2);
    // Warm queries make room for watched ones.
    await test.watch(["D", "B"]);
    expect(test.status()).toBe("live");
    expect(test.rows().map((row) => (row as Cell).symbol)).toEqual(["B", "D"]);
  });

  it("runs a bounded number of queries at the same time", async () => {
    let [running, most] = [0, 0];
    const run: PolledRun = async ({ symbol }) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return [{ ...BTC, symbol }];
    };
    const test = await begin({ run, limits: { runsMax: 2 } });
    await test.watch(["A", "B", "C", "D", "E"]);
    await test.advance(0);
    expect(most).toBe(2);
    expect(test.rows()).toHaveLength(5);
  });

  it("pauses a query without parameter, keeps its rows, and says that they are old", async () => {
    let size = 0;
    const run: PolledRun = () => [{ symbol: "all", price: 1, size: ++size }];
    const test = await begin({ run, parameter: undefined as never, limits: { warmMs: 1_500 } });
    expect(test.status()).toBe("catching_up: polled when a view is watched");
    await test.watch([]);
    await test.watch();
    await test.advance(1_000);
    expect(size).toBe(2);
    await test.advance(10_000);
    expect(size).toBe(2);
    expect(test.status()).toBe("catching_up: polled when a view is watched");
    expect(test.rows()).toMatchObject([{ size: 2 }]);
    await test.watch([]);
    expect(test.status()).toBe("live");
    expect(test.rows()).toMatchObject([{ size: 3 }]);
  });

  it("refuses options that can't work", () => {
    const base = { channel: "cells", key: ["price"], every: 1_000, run: () => [] };
    expect(() => polled({ ...base, parameter: "symbol" })).toThrow('needs the column "symbol"');
    expect(() => polled({ ...base, every: 0 })).toThrow("every is a time");
    expect(() => polled({ ...base, parameter: "price", whenUnwatched: "poll" })).toThrow(
      "without parameter",
    );
    expect(() => polled({ ...base, columns: { price: "money" as never } })).toThrow("one of");
  });
});

describe("a run in a worker", () => {
  const moduleOf = (program: string): URL => {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-worker-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "run.mjs"), program);
    return pathToFileURL(join(folder, "run.mjs"));
  };
  const never = new AbortController().signal;

  it("computes in its own thread, one call after the other, and passes errors on", async () => {
    const run = inWorker(
      moduleOf(`import { isMainThread } from "node:worker_threads";
let calls = 0;
export default ({ symbol }) => {
  if (symbol === "bad") throw new Error("no such symbol");
  return [{ symbol, isMainThread, call: ++calls }];
};`),
    );
    onTestFinished(() => run.close?.());
    expect(await Promise.all([run({ symbol: "A" }, never), run({ symbol: "B" }, never)])).toEqual([
      [{ symbol: "A", isMainThread: false, call: 1 }],
      [{ symbol: "B", isMainThread: false, call: 2 }],
    ]);
    await expect(run({ symbol: "bad" }, never)).rejects.toThrow("no such symbol");
  });

  it("ends a thread that computes for too long, and goes on in another one", async () => {
    const run = inWorker(
      moduleOf(`export default ({ symbol }) => {
  if (symbol === "slow") for (;;);
  return [{ symbol }];
};`),
    );
    onTestFinished(() => run.close?.());
    const abort = new AbortController();
    const slow = run({ symbol: "slow" }, abort.signal);
    const next = run({ symbol: "next" }, never);
    abort.abort(new Error("took too long"));
    await expect(slow).rejects.toThrow("took too long");
    expect(await next).toEqual([{ symbol: "next" }]);
  });

  it("tells what is wrong with the module, and a thread that ends itself", async () => {
    const missing = inWorker(new URL("file:///no/such/module.mjs"));
    onTestFinished(() => missing.close?.());
    await expect(missing({}, never)).rejects.toThrow("/no/such/module.mjs");
    const ending = inWorker(moduleOf(`export default () => process.exit(3);`));
    onTestFinished(() => ending.close?.());
    await expect(ending({}, never)).rejects.toThrow("ended with code 3");
    await expect(ending({}, never)).rejects.toThrow("ended with code 3");
  });
});
