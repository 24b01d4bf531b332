/**
 * Many users with different queries on one channel of 100,000 rows: ranges of a column, and
 * top-50 windows that begin at different places. What building one view costs, and what one row's
 * change costs when no view has the row and when some have it; beside live queries of TanStack DB.
 */
import { setImmediate as nextTurn, setTimeout } from "node:timers/promises";
import type { Replica } from "../../src/table/replica.ts";
import {
  below,
  busyItem,
  firstItem,
  heapMiB,
  load,
  queryOf,
  quietItem,
  rangeLow,
  ROWS,
  SLICE_MS,
  SPACING,
  WINDOWS_KIND,
  type Item,
  type Kind,
} from "./item-views.ts";
import { fixed, goal, median, percentile, table } from "./report.ts";
import { wideCommits } from "./wide-commits.ts";

const COUNTS = [10, 1_000, 10_000];
const CHANGES = 20_000;
/** A peer that takes longer is stopped, and the output says where it stood. */
const PEER_SECONDS_MAX = 30;
const PEER_CHANGES = 30;

const KINDS: readonly Kind[] = [
  {
    name: "price between low and high",
    low: rangeLow,
    high: (low) => low + SPACING / 2,
    quiet: () => below(10_000) * SPACING + SPACING / 2 + 1 + below(SPACING / 2 - 1),
    busy: (views) => rangeLow(below(views), views) + below(SPACING / 2),
  },
  WINDOWS_KIND,
];

interface Result {
  /** Views that were built; fewer than asked for when the rest was refused, or took too long. */
  readonly built: number;
  readonly buildMs: readonly number[];
  readonly worstSliceMs: number;
  readonly noneUs: number;
  readonly someUs: number;
  readonly heapMiB: number;
  readonly refusal: string | undefined;
}

function costOfChange(replica: Replica, next: () => Item): number {
  const rounds: number[] = [];
  for (let round = 0; round < 5; round++) {
    const rows = Array.from({ length: CHANGES / 5 }, next);
    const beganMs = performance.now();
    for (const row of rows) {
      const changes = [{ channel: "items", upserts: [{ key: row.id, row }], removes: [] }];
      replica.apply({ seq: replica.seq + 1, timeMs: 0, changes });
      replica.takeDirty();
    }
    rounds.push(((performance.now() - beganMs) * 1_000) / rows.length);
  }
  return median(rounds);
}

async function inTidemark(kind: Kind, views: number): Promise<Result> {
  const replica = load(kind);
  costOfChange(replica, () => quietItem(kind));
  const heapBefore = heapMiB();
  // The heap that this collection has left is swept while it is used.
  await setTimeout(500);
  const buildMs: number[] = [];
  let [worstSliceMs, refusal] = [0, undefined as string | undefined];
  for (let index = 0; index < views; index++) {
    try {
      const beganMs = performance.now();
      let sliceMs = beganMs;
      const isOver = (): boolean => performance.now() - sliceMs >= SLICE_MS;
      const view = replica.open(queryOf(kind, index, views), undefined);
      for (let result = "more"; result === "more";) {
        result = replica.fill(view, isOver);
        worstSliceMs = Math.max(worstSliceMs, performance.now() - sliceMs);
        // As the server does between slices.
        if (result === "more") await nextTurn();
        sliceMs = performance.now();
      }
      buildMs.push(sliceMs - beganMs);
    } catch (error) {
      refusal = error instanceof Error ? error.message : String(error);
      break;
    }
  }
  const heap = heapMiB() - heapBefore;
  const [noneUs, someUs] = [
    costOfChange(replica, () => quietItem(kind)),
    costOfChange(replica, () => busyItem(kind, views)),
  ];
  return { built: buildMs.length, buildMs, worstSliceMs, noneUs, someUs, heapMiB: heap, refusal };
}

async function inTanstack(kind: Kind, views: number): Promise<Result> {
  const { and, BTreeIndex, createCollection, createLiveQueryCollection, gte, lte } =
    await import("@tanstack/db");
  type Sync = {
    begin(): void;
    write(change: { type: "insert" | "update"; value: Item }): void;
    commit(): void;
    markReady(): void;
  };
  let sync: Sync | undefined;
  const source = createCollection<Item, string>({
    id: `items-${kind.name}-${views}`,
    getKey: (row) => row.id,
    autoIndex: "eager",
    defaultIndexType: BTreeIndex,
    sync: {
      sync: (parameters) => {
        sync = parameters as unknown as Sync;
        sync.begin();
        for (let index = 0; index < ROWS; index++)
          sync.write({ type: "insert", value: firstItem(index, kind) });
        sync.commit();
        sync.markReady();
      },
    },
  });
  await source.preload();
  const heapBefore = heapMiB();
  const buildMs: number[] = [];
  const queries: { cleanup(): Promise<void> }[] = [];
  const stopMs = performance.now() + PEER_SECONDS_MAX * 1_000;
  for (let index = 0; index < views && performance.now() < stopMs; index++) {
    const low = kind.low(index, views);
    const beganMs = performance.now();
    const live = createLiveQueryCollection({
      startSync: true,
      query: (builder) => {
        const from = builder.from({ row: source });
        const { high } = kind;
        return high === undefined
          ? from
              .where(({ row }) => gte(row.price, low))
              .orderBy(({ row }) => row.price)
              .limit(50)
          : from.where(({ row }) => and(gte(row.price, low), lte(row.price, high(low))));
      },
    });
    await live.preload();
    buildMs.push(performance.now() - beganMs);
    queries.push(live);
  }
  const heap = heapMiB() - heapBefore;
  const cost = (next: () => Item): number => {
    const times: number[] = [];
    for (let change = 0; change < PEER_CHANGES; change++) {
      const value = next();
      const beganMs = performance.now();
      sync?.begin();
      sync?.write({ type: "update", value });
      sync?.commit();
      times.push((performance.now() - beganMs) * 1_000);
    }
    return median(times);
  };
  const [noneUs, someUs] = [cost(() => quietItem(kind)), cost(() => busyItem(kind, views))];
  for (const live of queries) await live.cleanup();
  const worstSliceMs = Math.max(...buildMs);
  return {
    built: buildMs.length,
    buildMs,
    worstSliceMs,
    noneUs,
    someUs,
    heapMiB: heap,
    refusal: buildMs.length < views ? `stopped after ${PEER_SECONDS_MAX} s` : undefined,
  };
}

function lineOf(who: string, views: number, result: Result): readonly string[] {
  const { built, buildMs, worstSliceMs, noneUs, someUs, heapMiB: heap } = result;
  const count = views.toLocaleString("en-US");
  return [
    who,
    built === views ? count : `${built.toLocaleString("en-US")} of ${count}`,
    fixed(median(buildMs)),
    fixed(percentile(buildMs, 0.99)),
    fixed(worstSliceMs, 1),
    fixed(noneUs, 1),
    fixed(someUs, 1),
    fixed(heap, 1),
  ];
}

/** Prints one table per kind of view. */
export async function differentViews(): Promise<void> {
  // All of ours first: the garbage of the other library would be collected in our slices.
  const ours = new Map<Kind, readonly Result[]>();
  for (const kind of KINDS) {
    const results: Result[] = [];
    for (const views of COUNTS) results.push(await inTidemark(kind, views));
    ours.set(kind, results);
  }
  await wideCommits();
  for (const [kind, costs] of ours) {
    console.log(`\nDifferent views ${kind.name}, on ${ROWS.toLocaleString("en-US")} rows\n`);
    const lines: (readonly string[])[] = [];
    const notes: string[] = [];
    for (const [index, own] of costs.entries()) {
      const views = COUNTS[index] ?? 0;
      const peer = await inTanstack(kind, views);
      lines.push(lineOf("Tidemark", views, own), lineOf("TanStack DB", views, peer));
      if (own.refusal !== undefined) notes.push(`Tidemark refused at ${own.built}: ${own.refusal}`);
      if (peer.refusal !== undefined) notes.push(`TanStack DB at ${peer.built}: ${peer.refusal}`);
    }
    console.log(
      table(
        [
          "CPU of one thread",
          "views",
          "build one, ms",
          "p99, ms",
          "worst slice, ms",
          "change of a row in none, µs",
          "in some, µs",
          "heap of all, MiB",
        ],
        lines,
      ),
    );
    for (const note of notes) console.log(note);
    const ratio = (costs.at(-1)?.noneUs ?? 0) / (costs[0]?.noneUs ?? 1);
    console.log(
      goal(`10,000 cost a change that matches none ${fixed(ratio)}× of what 10 do`, ratio <= 2),
    );
    const worst = Math.max(...costs.map(({ worstSliceMs }) => worstSliceMs));
    console.log(
      goal(`no slice over 10 ms while views are built (${fixed(worst, 1)} ms)`, worst <= 10),
    );
  }
  console.log(
    "\nElectric: not run. It is an Elixir server, which needs its Docker image. Its documentation (sync\nservice 1.6) names indexes for equality and inclusion; other filters are evaluated one by one.",
  );
}
