/**
 * Generated (identity, query) cases against the server's history and feeds, under policies of every
 * shape, while rows change hands and rights change. A seed repeats a run but for the moments at
 * which feeds are sent.
 */
import type { HistoryStore } from "../../../src/history/history.ts";
import { seededRandom } from "../../../src/std/random.ts";
import { Cases } from "./cases.ts";
import { Feed } from "./feed.ts";
import { World } from "./world.ts";

export interface RunOptions {
  readonly seed: number;
  readonly cases: number;
  readonly store: HistoryStore;
}

export interface RunResult {
  readonly cases: number;
  readonly refused: number;
  /** Rows that the queries meant, and that the policies withheld. */
  readonly withheld: number;
  readonly feeds: number;
  /** Rows and keys in them. */
  readonly fed: number;
}

const FEEDS = 4;
/** Cases between two commits, and between two changes of rights. */
const WRITE_EVERY = 25;
const RIGHTS_EVERY = 150;

/** Throws at the first leak. */
export async function run({ seed, cases, store }: RunOptions): Promise<RunResult> {
  const random = seededRandom(seed);
  const world = new World(store, random);
  const asking = new Cases(world, random);
  const sums = { refused: 0, withheld: 0, feeds: 0, fed: 0 };
  const feeds: Feed[] = [];
  const endFeed = async (): Promise<void> => {
    const feed = feeds.shift();
    if (feed === undefined) return;
    sums.fed += await feed.settled();
    feed.close();
  };
  try {
    await world.start();
    for (let at = 1; at <= cases; at++) {
      const { isRefused, withheld } = await asking.next();
      if (isRefused) sums.refused++;
      sums.withheld += withheld;
      if (at % WRITE_EVERY === 0) {
        await world.write();
        for (const feed of feeds) await feed.settled();
        if (feeds.length >= FEEDS) await endFeed();
        const place = world.pick(world.places);
        const feed = await Feed.open(world, asking.caller, place, asking.feedQuery(place));
        if (feed !== undefined) {
          feeds.push(feed);
          sums.feeds++;
        }
      }
      if (at % RIGHTS_EVERY === 0) world.changeRights(world.pick(feeds)?.caller ?? asking.caller);
    }
    while (feeds.length > 0) await endFeed();
    return { cases, ...sums };
  } finally {
    await world.stop();
  }
}
