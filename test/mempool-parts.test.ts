/** The parts of the mempool dashboard that need no server and no page. */
import { describe, expect, it } from "vitest";
import { FEED_CHANNELS, TRANSACTIONS_MAX } from "../examples/mempool/channels.ts";
import { DetailIndex } from "../examples/mempool/detail-index.ts";
import { BuiltInChain } from "../examples/mempool/feed/built-in-chain.ts";
import { PROFILES, type ChainProfile } from "../examples/mempool/feed/chain-profile.ts";
import { SimulatedChain } from "../examples/mempool/feed/simulated-chain.ts";
import { findTransaction, makeTransaction } from "../examples/mempool/feed/transactions.ts";
import { MempoolSource } from "../examples/mempool/source/mempool-source.ts";
import { TransactionRing } from "../examples/mempool/source/transaction-ring.ts";
import { TransactionDetailsReader } from "../examples/mempool/transaction-details.ts";
import { decimalOf } from "../examples/mempool/tokens.ts";
import { decodeTransaction } from "../src/sources/ethereum/index.ts";
import type { SourceDraft } from "../src/sources/source.ts";
import { ManualClock } from "../src/std/manual-clock.ts";
import { systemRandom } from "../src/std/random.ts";
import { Replica } from "../src/table/replica.ts";

const [ethereum, base] = PROFILES as readonly [ChainProfile, ChainProfile];
const STEP_MS = 50;

/** The dashboard's source over tables, on a clock that the test moves. */
async function run(perSecond: number, steps: number) {
  const clock = new ManualClock();
  const replica = new Replica();
  replica.begin("e");
  const drafts: SourceDraft[] = [];
  const arrived: string[] = [];
  const source = new MempoolSource({
    inputs: [ethereum, base].map((profile) => ({
      source: new BuiltInChain(profile, { seed: 7, perSecond }),
      coin: profile.coin,
    })),
    onArrival: (hash) => arrived.push(hash),
  });
  await source.start({
    clock,
    random: systemRandom,
    logger: { info: () => {}, warn: () => {}, error: () => {} },
    sourcePosition: undefined,
    append: (draft) => {
      drafts.push(draft);
      const seq = drafts.length;
      // Nothing waits for a history store here.
      replica.apply({ ...draft, source: "mempool", seq, timeMs: clock.now(), durableSeq: seq });
      return Promise.resolve(seq);
    },
    refuse: () => {},
    durable: () => Promise.resolve(),
    interest: { views: [], onChange: () => () => {} },
  });
  const startedMs = clock.now();
  for (let step = 0; step < steps; step++) {
    clock.advance(STEP_MS);
    // The steps that the clock has woken append one after another.
    for (let turn = 0; turn < 40; turn++) await Promise.resolve();
  }
  const stopping = source.stop();
  clock.advance(STEP_MS);
  await stopping;
  const rows = (channel: string) =>
    Array.from(replica.table(channel)?.rows.values() ?? [], ({ row }) => row);
  return { clock, startedMs, drafts, arrived, rows, replica };
}

/** The same steps of the same chains, computed anew: the last row of each transaction. */
function recompute(perSecond: number, startedMs: number, steps: number) {
  const last = new Map<string, { readonly status: string; readonly seenMs: number }>();
  for (const profile of [ethereum, base]) {
    const chain = new SimulatedChain(profile, { seed: 7, perSecond });
    for (let step = -400; step < steps; step++) {
      const timeMs = startedMs + (step < 0 ? step : step + 1) * STEP_MS;
      for (const { row } of chain.step(timeMs, STEP_MS, (perSecond * STEP_MS) / 1_000))
        last.set(row.hash, { status: row.status, seenMs: row.seen_unix_ms });
    }
  }
  return last;
}

describe("the built-in chains", () => {
  it("give the same transactions and blocks for the same seed, and others for another one", () => {
    const text = (seed: number): string => {
      const chain = new SimulatedChain(base, { seed, perSecond: 40 });
      const events = Array.from({ length: 400 }, (_, step) => chain.step(step * 50, 50, 2));
      return JSON.stringify([events, { ...chain.head, baseFee: String(chain.head.baseFee) }]);
    };
    expect(text(7)).toBe(text(7));
    expect(text(7)).not.toBe(text(8));
  });

  it("make each transaction again from its hash, and none that is not theirs", () => {
    for (let index = 0; index < 500; index++) {
      const made = makeTransaction(ethereum, { seed: 3, index, bump: index % 2 === 0 ? 0 : 1 });
      expect(findTransaction(ethereum, 3, made.hash)).toEqual(made);
      expect(findTransaction(base, 3, made.hash)).toBeUndefined();
      expect(findTransaction(ethereum, 4, made.hash)).toBeUndefined();
    }
    expect(findTransaction(ethereum, 3, `0x${"f".repeat(64)}`)).toBeUndefined();
  });

  it("write inputs that are decoded as what was meant, but for contracts that nobody knows", () => {
    const kinds = new Map<string, number>();
    for (let index = 0; index < 3_000; index++) {
      const { to, value, input } = makeTransaction(ethereum, { seed: 1, index, bump: 0 });
      const { protocol, category, actions } = decodeTransaction({ to, value, input });
      expect(actions.length > 0).toBe(protocol !== "unknown");
      const kind = `${protocol} ${category}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    expect([...kinds.keys()].sort()).toEqual([
      "erc20 approval",
      "erc20 transfer",
      "erc721 nft",
      "native deployment",
      "native transfer",
      "seaport nft",
      "uniswap_v2 swap",
      "uniswap_v3 swap",
      "universal_router swap",
      "unknown other",
      "weth wrap",
    ]);
  });

  it("put each transaction into a block, replace it or drop it, and keep base fee and gas in bounds", () => {
    const chain = new SimulatedChain(base, { seed: 5, perSecond: 12 });
    const allowed: Readonly<Record<string, readonly string[]>> = {
      new: ["pending"],
      pending: ["included", "replaced", "dropped"],
      included: ["confirmed", "pending"],
      confirmed: [],
      replaced: [],
      dropped: [],
    };
    const statuses = new Map<string, string>();
    const seen = new Set<string>();
    const wrong: string[] = [];
    for (let step = 0; step < 3_600; step++) {
      for (const { row } of chain.step(step * 100, 100, 1.2)) {
        const before = statuses.get(row.hash) ?? "new";
        if (allowed[before]?.includes(row.status) !== true) wrong.push(`${before} ${row.status}`);
        statuses.set(row.hash, row.status);
        seen.add(row.status);
      }
      if (chain.head.gasUsed > chain.head.gasLimit) wrong.push(`${chain.head.gasUsed} of gas`);
    }
    expect(wrong).toEqual([]);
    expect([...seen].sort()).toEqual(["confirmed", "dropped", "included", "pending", "replaced"]);
    expect(chain.head.reorgs).toBeGreaterThan(0);
    const pending = [...statuses.values()].filter((status) => status === "pending");
    expect(pending.length).toBe(chain.pendingCount);
  });
});

describe("the tables of the mempool dashboard", () => {
  it("are what the feed's steps say, computed anew", async () => {
    const steps = 800;
    const { rows, startedMs, arrived, clock } = await run(10, steps);
    const truth = recompute(10, startedMs, steps);
    expect(arrived.length).toBe(truth.size);
    expect(new Set(arrived)).toEqual(new Set(truth.keys()));
    const newest = new Set(arrived.slice(-TRANSACTIONS_MAX));
    const expected = [...truth].filter(([hash]) => newest.has(hash));
    const shown = rows("tx.main").map(({ hash, status, seen_unix_ms: seenMs }) => [
      hash,
      { status, seenMs },
    ]);
    expect(new Map(shown as [])).toEqual(new Map(expected as []));
    // Each feature is of a transaction that arrived, and each opportunity of one that waits.
    for (const { hash } of rows("feature.main")) expect(truth.has(String(hash))).toBe(true);
    const open = rows("opportunity.main");
    for (const { hash, expires_unix_ms: expiresMs } of open) {
      expect(truth.get(String(hash))?.status).toBe("pending");
      expect(Number(expiresMs)).toBeGreaterThan(clock.now() - 2_000);
    }
    for (const { chain, base_fee, as_of_unix_ms } of rows("chain.main")) {
      expect(["ethereum", "base"]).toContain(chain);
      expect(Number(base_fee)).toBeGreaterThan(0);
      expect(Number(as_of_unix_ms)).toBeGreaterThan(clock.now() - 2_000);
    }
    expect(rows("market.main").map(({ price_source }) => price_source)).toEqual([
      "built-in feed",
      "built-in feed",
    ]);
  });

  it("stay within their bounds while far more transactions come", async () => {
    const { rows, arrived } = await run(90, 200);
    expect(arrived.length).toBeGreaterThan(2 * TRANSACTIONS_MAX);
    for (const { name, bounds } of FEED_CHANNELS)
      expect(rows(name).length).toBeLessThanOrEqual(bounds.rowsMax);
    expect(rows("tx.main").length).toBe(TRANSACTIONS_MAX);
  });
});

describe("the ring of transactions", () => {
  it("keeps the newest by arrival, and takes none back that has left", () => {
    const ring = new TransactionRing(2);
    const entered = ["a", "b", "c"].map((hash, at) => ring.enter(hash, "x", at));
    expect(entered).toEqual([true, true, true]);
    expect(ring.has("a")).toBe(false);
    expect(ring.enter("a", "x", 0)).toBe(false);
    expect(ring.ofChain("x")).toEqual(["b", "c"]);
    expect(ring.delete("b")).toBe(true);
    expect(ring.enter("d", "y", 9)).toBe(true);
    expect(ring.ofChain("x")).toEqual(["c"]);
  });
});

describe("the index of details", () => {
  it("forgets the least recently used above its number, and what is older than its age", () => {
    const index = new DetailIndex<number>({ entriesMax: 2, ageMsMax: 100 });
    index.set("a", 1, 0);
    index.set("b", 2, 10);
    expect(index.get("a", 20)).toBe(1);
    index.set("c", 3, 30);
    expect([index.get("b", 30), index.get("a", 40), index.get("c", 130)]).toEqual([
      undefined,
      1,
      3,
    ]);
    expect(index.get("a", 141)).toBeUndefined();
    expect(index.size).toBe(1);
  });
});

describe("the details of transactions", () => {
  it("are fetched once for all who ask, a bounded number at a time", async () => {
    const answers: (() => void)[] = [];
    const asked: string[] = [];
    const source = Object.assign(new BuiltInChain(ethereum, { seed: 1, perSecond: 1 }), {
      transaction: (hash: string) => {
        asked.push(hash);
        return new Promise<undefined>((resolve) => answers.push(() => resolve(undefined)));
      },
    });
    const reader = new TransactionDetailsReader([{ source, coin: "ETH" }]);
    const hashes = Array.from({ length: 65 }, (_, at) => `0x${at}`);
    for (const hash of hashes) reader.onArrival(hash, "ethereum");
    expect(reader.size).toBe(65);
    const reads = hashes.slice(0, 64).flatMap((hash) => [reader.read(hash), reader.read(hash)]);
    await expect(reader.read("0x64")).rejects.toThrow("too many");
    expect(asked).toEqual(hashes.slice(0, 64));
    for (const answer of answers) answer();
    expect(new Set(await Promise.all(reads))).toEqual(new Set([undefined]));
    const last = reader.read("0x64");
    answers.at(-1)?.();
    expect(await last).toBeUndefined();
    expect(await reader.read("0xff")).toBeUndefined();
  });
});

describe("amounts", () => {
  it("are exact decimal texts", () => {
    expect(decimalOf(1_500_000n, 6)).toBe("1.5");
    expect(decimalOf(1n, 18)).toBe("0.000000000000000001");
    expect(decimalOf(0n, 18)).toBe("0");
    expect(decimalOf(42n, 0)).toBe("42");
    expect(decimalOf(10n ** 21n, 18)).toBe("1000");
  });
});
