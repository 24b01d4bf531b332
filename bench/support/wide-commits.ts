/**
 * Commits that concern each of 10,000 windows: the longest time for which one of them keeps the
 * event loop, followed at once, and in slices as the server does.
 */
import { setImmediate as nextTurn, setTimeout } from "node:timers/promises";
import type { Commit } from "../../src/log/log.ts";
import type { Replica } from "../../src/table/replica.ts";
import {
  heapMiB,
  item,
  load,
  queryOf,
  random,
  SLICE_MS,
  UPPER_HALF,
  WINDOWS_KIND,
  type Item,
  type Kind,
} from "./item-views.ts";
import { fixed, goal, median, table } from "./report.ts";

const WINDOWS = 10_000;

interface WideCommit {
  readonly name: string;
  /** Where each window begins. */
  readonly low: (view: number) => number;
  /** The next commit's rows: each window has one of them. */
  readonly rows: () => readonly Item[];
}

const WIDE_COMMITS: readonly WideCommit[] = [
  {
    name: "1 row, which all windows show",
    low: (view) => -view,
    rows: () => [item(0, random.next())],
  },
  {
    name: "1,250 rows, some of them in each window",
    low: (view) => UPPER_HALF + (view * UPPER_HALF) / WINDOWS,
    rows: () =>
      Array.from({ length: WINDOWS / 8 }, (_, at) =>
        item(2 * at + 1, UPPER_HALF + ((at * 8 + 8 * random.next()) * UPPER_HALF) / WINDOWS),
      ),
  },
];

/** Prints a table with a line per commit. */
export async function wideCommits(): Promise<void> {
  const lines: (readonly string[])[] = [];
  const blocks: number[] = [];
  for (const { name, low, rows } of WIDE_COMMITS) {
    const kind: Kind = { ...WINDOWS_KIND, low };
    const replica = load(kind);
    for (let view = 0; view < WINDOWS; view++)
      replica.acquire(queryOf(kind, view, WINDOWS), undefined);
    replica.takeDirty();
    heapMiB();
    await setTimeout(500);
    const next = (): Commit => {
      const upserts = rows().map((row) => ({ key: row.id, row }));
      const changes = [{ channel: "items", upserts, removes: [] }];
      return { seq: replica.seq + 1, timeMs: 0, changes };
    };
    const atOnce: number[] = [];
    const longest: number[] = [];
    const all: number[] = [];
    const touched: number[] = [];
    for (let round = 0; round < 10; round++) {
      const commit = next();
      const beganMs = performance.now();
      replica.apply(commit);
      atOnce.push(performance.now() - beganMs);
      touched.push(replica.takeDirty().length - 1);
      replica.refill(() => false);
      const { longestMs, allMs } = await inSlices(replica, next());
      longest.push(longestMs);
      all.push(allMs);
      replica.takeDirty();
      replica.refill(() => false);
    }
    blocks.push(...longest);
    lines.push([
      name,
      median(touched).toLocaleString("en-US"),
      fixed(Math.max(...atOnce), 1),
      fixed(median(all), 1),
      fixed(median(longest), 1),
      fixed(Math.max(...longest), 1),
    ]);
  }
  console.log(`\nOne commit that concerns ${WINDOWS.toLocaleString("en-US")} windows\n`);
  const headings = ["commit", "windows changed", "at once: block, ms"];
  const inSlicesOf = ["in slices: all, ms", "longest block, ms", "of 10 commits, ms"];
  console.log(table([...headings, ...inSlicesOf], lines));
  const worst = Math.max(...blocks);
  console.log(goal(`no block over 10 ms by one commit (${fixed(worst, 1)} ms)`, worst <= 10));
}

async function inSlices(
  replica: Replica,
  commit: Commit,
): Promise<{ readonly longestMs: number; readonly allMs: number }> {
  const beganMs = performance.now();
  let [sliceMs, longestMs] = [beganMs, 0];
  replica.applyToTables(commit);
  for (let isDone = false; !isDone;) {
    isDone = replica.follow(() => performance.now() - sliceMs >= SLICE_MS);
    longestMs = Math.max(longestMs, performance.now() - sliceMs);
    await nextTurn();
    sliceMs = performance.now();
  }
  return { longestMs, allMs: performance.now() - beganMs };
}
