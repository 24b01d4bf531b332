/**
 * A channel of 100,000 items, and kinds of views on it of which each user has another: ranges of a
 * column, and windows that begin at different places.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { declareChannel } from "../../src/log/channel.ts";
import type { WireQuery } from "../../src/protocol/query.ts";
import type { Row } from "../../src/protocol/row.ts";
import { seededRandom } from "../../src/std/random.ts";
import { Replica } from "../../src/table/replica.ts";

export const ROWS = 100_000;
/** The longest slice of the event loop that a server gives to its views. */
export const SLICE_MS = 4;

export interface Item extends Row {
  readonly id: string;
  readonly price: number;
  readonly size: number;
}

export interface Kind {
  readonly name: string;
  readonly low: (view: number, views: number) => number;
  /** Undefined for a window. */
  readonly high?: (low: number) => number;
  /** A price that no view has, and one that some view has. */
  readonly quiet: () => number;
  readonly busy: (views: number) => number;
}

export const random = seededRandom(9);
export const below = (max: number): number => Math.floor(random.next() * max);
/** Ranges begin every so far, and are half as wide. */
export const SPACING = 100_000;
export const UPPER_HALF = 500_000_000;
export const rangeLow = (view: number, views: number): number => view * (10_000 / views) * SPACING;

export const WINDOWS_KIND: Kind = {
  name: "price >= low, order by price, limit 50",
  low: (view, views) => UPPER_HALF + (view * UPPER_HALF) / views,
  quiet: () => below(UPPER_HALF),
  busy: () => UPPER_HALF + below(UPPER_HALF),
};

export const item = (index: number, price: number): Item => ({
  id: `r${index}`,
  price,
  size: index % 97,
});
/** Even rows are never in a view; odd ones move from view to view. */
export const firstItem = (index: number, { quiet, busy }: Kind): Item =>
  item(index, index % 2 === 0 ? quiet() : busy(10_000));
export const quietItem = (kind: Kind): Item => item(2 * below(ROWS / 2), kind.quiet());
export const busyItem = (kind: Kind, views: number): Item =>
  item(2 * below(ROWS / 2) + 1, kind.busy(views));

let collect: (() => void) | undefined;

export function heapMiB(): number {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

export function queryOf(kind: Kind, view: number, views: number): WireQuery {
  const low = kind.low(view, views);
  if (kind.high !== undefined)
    return { channel: "items", where: { column: "price", between: [low, kind.high(low)] } };
  return {
    channel: "items",
    where: { column: "price", gte: low },
    order_by: [{ column: "price" }],
    limit: 50,
  };
}

export function load(kind: Kind): Replica {
  const replica = new Replica();
  const columns = [
    { name: "id", type: "text" },
    { name: "price", type: "integer" },
    { name: "size", type: "integer" },
  ] as const;
  const declares = [declareChannel({ name: "items", key: ["id"], columns })];
  const upserts = Array.from({ length: ROWS }, (_, index) => ({
    key: `r${index}`,
    row: firstItem(index, kind),
  }));
  replica.apply({
    seq: 1,
    timeMs: 0,
    declares,
    changes: [{ channel: "items", upserts, removes: [] }],
  });
  return replica;
}
