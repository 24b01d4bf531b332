/**
 * The oracle: after every commit of a generated history, each table and view equals a slow
 * recomputation from the log, and each reader that applies `changesSince` from its cursor ends
 * with exactly those rows, in order of change.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { Commit, CommitDraft } from "../log/log.ts";
import { compileOrder } from "../protocol/order.ts";
import type { WireQuery } from "../protocol/query.ts";
import { parseQuery } from "../protocol/parse-query.ts";
import { compileWhere } from "../protocol/where.ts";
import { keyOf, type Row } from "../protocol/row.ts";
import { whereContextOf } from "./channel.ts";
import { Replica } from "./replica.ts";
import type { View } from "./view.ts";

const BOUNDS = { rowsMax: 12, tombstonesMax: 6, ageMsMax: 40 };
const EVICTS = ["oldest_change", "oldest_arrival"] as const;
type Evict = (typeof EVICTS)[number];
const options = {
  name: "trades",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "symbol", type: "text" },
    { name: "price", type: "numeric" },
    { name: "size", type: "integer" },
  ],
} as const;
const context = whereContextOf(declareChannel(options));

const QUERIES: readonly WireQuery[] = [
  { channel: "trades" },
  { channel: "trades", where: { column: "symbol", eq: "A" } },
  {
    channel: "trades",
    where: {
      and: [
        { column: "symbol", in: ["A", "B"] },
        { column: "size", gt: 2 },
      ],
    },
  },
  { channel: "trades", where: { column: "price", between: ["1.5", "3"] } },
  { channel: "trades", where: { column: "price", gt: "1.50" } },
  { channel: "trades", where: { column: "price", gte: 1.5 } },
  {
    channel: "trades",
    where: {
      and: [
        { column: "size", gt: 1 },
        { column: "size", lte: 3 },
        { column: "price", lt: "NaN" },
      ],
    },
    limit: 2,
    order_by: [{ column: "price" }],
  },
  { channel: "trades", where: { not: { column: "size", lt: 3 } }, columns: ["size"] },
  { channel: "trades", limit: 3, order_by: [{ column: "price", direction: "desc" }] },
  {
    channel: "trades",
    limit: 1,
    order_by: [{ column: "size" }, { column: "symbol", direction: "desc", nulls: "last" }],
  },
  { channel: "trades", limit: 2, where: { column: "symbol", eq: "B" } },
  { channel: "trades", limit: 5, columns: ["symbol"], where: { column: "symbol", is_null: false } },
  { channel: "trades", limit: 4 },
].map((query) => parseQuery(query));

const row = fc.record({
  id: fc.constantFrom(..."abcdefghijklmnop"),
  symbol: fc.constantFrom("A", "B", "C", null),
  price: fc.constantFrom("1", "1.50", "2", "2.0", "10", "-3", "NaN", null),
  size: fc.constantFrom(1, 2, 3, 4, null),
});
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      upserts: fc.array(row, { maxLength: 4 }),
      removes: fc.array(fc.constantFrom(..."abcdefghijklmnop"), { maxLength: 3 }),
      waitMs: fc.nat(15),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("reload" as const),
      upserts: fc.array(row, { maxLength: 14 }),
      waitMs: fc.nat(15),
    }),
  },
);

/**
 * The channel as a plain list of versions, oldest change first: the slow, obviously correct model.
 */
class SlowTable {
  rows: { key: string; row: Row; seq: number; timeMs: number }[] = [];
  /** The keys, in the order in which they entered. */
  arrivals: readonly string[] = [];
  readonly evict: Evict;

  constructor(evict: Evict) {
    this.evict = evict;
  }

  apply({ changes, seq, timeMs }: Commit): void {
    for (const change of changes) {
      for (const { key, row: value } of change.upserts) {
        const existing = this.rows.find((entry) => entry.key === key);
        if (existing !== undefined && JSON.stringify(existing.row) === JSON.stringify(value))
          continue;
        this.rows = [
          ...this.rows.filter((entry) => entry.key !== key),
          { key, row: value, seq, timeMs },
        ];
        if (existing === undefined) this.arrivals = [...this.arrivals, key];
      }
      const kept = new Set(change.upserts.map(({ key }) => key));
      this.rows = this.rows.filter(
        ({ key }) => !change.removes.includes(key) && (change.reload !== true || kept.has(key)),
      );
    }
    this.rows = this.rows.filter((entry) => timeMs - entry.timeMs <= BOUNDS.ageMsMax);
    const has = (key: string): boolean => this.rows.some((entry) => entry.key === key);
    while (this.rows.length > BOUNDS.rowsMax) {
      const [oldest] =
        this.evict === "oldest_change"
          ? this.rows.map(({ key }) => key)
          : this.arrivals.filter(has);
      this.rows = this.rows.filter(({ key }) => key !== oldest);
    }
    this.arrivals = this.arrivals.filter(has);
  }

  answer({ where, order_by = [], limit, columns }: WireQuery): Map<string, Row> {
    const matches = where === undefined ? () => true : compileWhere(where, context);
    const ranked = compileOrder(order_by, context);
    const order: (left: (typeof this.rows)[number], right: (typeof this.rows)[number]) => number =
      order_by.length > 0 ? ranked : (left, right) => right.seq - left.seq || ranked(left, right);
    let found = this.rows.filter((entry) => matches(entry.row));
    if (limit !== undefined) found = found.sort(order).slice(0, limit);
    const shown = columns && new Set(["id", ...columns, ...order_by.map(({ column }) => column)]);
    return new Map(
      found.map(({ key, row: value }) => [
        key,
        shown === undefined
          ? value
          : Object.fromEntries(Object.entries(value).filter(([name]) => shown.has(name))),
      ]),
    );
  }
}

/** One client: reads from its cursor at times of its own, or takes a snapshot below the floor. */
class Reader {
  store = new Map<string, unknown>();
  cursor = 0;
  readonly view: View;
  readonly everySteps: number;

  constructor(view: View, everySteps: number) {
    this.view = view;
    this.everySteps = everySteps;
    this.snapshot();
  }

  snapshot(): void {
    this.store = new Map(
      [...this.view.rows.values()].map(({ key, json }) => [key, JSON.parse(json)]),
    );
    this.cursor = this.view.rows.lastSeq;
  }

  read(): void {
    const { rows } = this.view;
    const normal = rows.normalise(this.cursor);
    expect(normal).toBeLessThanOrEqual(this.cursor);
    const changes = rows.changesSince(normal);
    if (changes === undefined) return this.snapshot();
    const seqs = [...changes.upserts, ...changes.removes].map(({ seq }) => seq);
    expect(seqs.every((seq) => seq > normal)).toBe(true);
    for (const { key, json } of changes.upserts) this.store.set(key, JSON.parse(json));
    for (const { key } of changes.removes) this.store.delete(key);
    this.cursor = rows.lastSeq;
  }
}

function draftOf(generated: {
  kind: "write" | "reload";
  upserts: readonly Row[];
  removes?: readonly string[];
}): CommitDraft {
  const upserts = [
    ...new Map(generated.upserts.map((value) => [keyOf(value, ["id"]) as string, value])),
  ].map(([key, value]) => ({ key, row: value }));
  const written = new Set(upserts.map(({ key }) => key));
  const removes = [...new Set(generated.removes)].filter((key) => !written.has(key));
  return {
    changes: [
      {
        channel: "trades",
        upserts,
        removes,
        ...(generated.kind === "reload" && { reload: true as const }),
      },
    ],
  };
}

describe("tables and views", () => {
  it(
    "equal a recomputation from the log after every commit, for readers at every cursor",
    { timeout: 60_000 },
    () => {
      fc.assert(
        fc.property(
          fc.array(step, { minLength: 1, maxLength: 40 }),
          fc.nat(20),
          fc.constantFrom(...EVICTS),
          (steps, buildLate, evict) => {
            const replica = new Replica();
            const channel = declareChannel({ ...options, bounds: { ...BOUNDS, evict } });
            replica.apply({ seq: 1, timeMs: 0, changes: [], declares: [channel] });
            const slow = new SlowTable(evict);
            const readers: Reader[] = [];
            let timeMs = 1_000;
            steps.forEach((generated, index) => {
              if (index === 0 || index === buildLate) {
                for (const query of QUERIES) {
                  const view = replica.acquire(query, undefined);
                  readers.push(new Reader(view, 1), new Reader(view, 3), new Reader(view, 11));
                }
              }
              timeMs += generated.waitMs;
              const commit: Commit = { ...draftOf(generated), seq: index + 2, timeMs };
              replica.apply(commit);
              slow.apply(commit);
              for (const reader of readers) {
                const truth = slow.answer(reader.view.query);
                const viewRows = new Map(
                  [...reader.view.rows.values()].map(({ key, json }) => [
                    key,
                    JSON.parse(json) as Row,
                  ]),
                );
                expect(viewRows).toEqual(truth);
                if ((index + 1) % reader.everySteps === 0) {
                  reader.read();
                  expect(reader.store).toEqual(truth);
                }
              }
            });
          },
        ),
        { numRuns: 400 },
      );
    },
  );
});
