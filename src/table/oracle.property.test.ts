/**
 * The oracle: after every commit of a generated history, each table and view equals a slow
 * recomputation from the log, and each reader that applies `changesSince` from its cursor ends
 * with exactly those rows, in order of change.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { Commit, CommitDraft, SourceStatus } from "../log/log.ts";
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

const STATUSES: readonly SourceStatus[] = [
  { status: "live" },
  { status: "catching_up" },
  { status: "catching_up", reason: "copying" },
  { status: "stale", reason: "gone" },
  { status: "stale", reason: "locked" },
];
const CHANNELS = ["a", "b", "c"] as const;
const declared = (name: string, rowsMax: number) =>
  declareChannel({ name, key: ["id"], bounds: { rowsMax } });
/** The possible contents of one commit by the sources `s` and `t` or the program itself. */
const word = fc.record({
  source: fc.constantFrom("s", "t", undefined),
  declares: fc.array(
    fc.record({ name: fc.constantFrom(...CHANNELS), rowsMax: fc.constantFrom(5, 6) }),
    { maxLength: 2 },
  ),
  drops: fc.array(fc.constantFrom(...CHANNELS), { maxLength: 1 }),
  status: fc.array(
    fc.record({
      channels: fc.option(fc.array(fc.constantFrom(...CHANNELS), { maxLength: 2 }), {
        nil: undefined,
      }),
      status: fc.constantFrom(...STATUSES),
    }),
    { maxLength: 2 },
  ),
  asOfMs: fc.option(fc.nat(1_000), { nil: undefined }),
  sourcePosition: fc.option(fc.string({ maxLength: 3 }), { nil: undefined }),
  waitMs: fc.nat(20),
});

function commitOf(
  {
    source,
    declares,
    status,
    drops,
    asOfMs,
    sourcePosition,
    waitMs,
  }: typeof word extends fc.Arbitrary<infer W> ? W : never,
  seq: number,
  beforeMs: number,
): Commit {
  return {
    seq,
    timeMs: beforeMs + waitMs,
    drops,
    changes: CHANNELS.map((name) => ({
      channel: name,
      upserts: [{ key: `${seq}`, row: { id: `${seq}` } }],
      removes: [],
    })),
    declares: [
      ...new Map(declares.map(({ name, rowsMax }) => [name, declared(name, rowsMax)])).values(),
    ],
    status: status.map((said) => ({
      status: said.status,
      ...(said.channels && { channels: said.channels }),
    })),
    ...(source !== undefined && { source }),
    ...(asOfMs !== undefined && { asOfMs }),
    ...(sourcePosition !== undefined && { sourcePosition }),
  };
}

/** One channel's state, recomputed from the whole history. */
function slowState(history: readonly Commit[], name: string) {
  let state:
    | { status: string; reason: string | undefined; sinceMs: number; source: string | undefined }
    | undefined;
  let declaration: string | undefined;
  let keys: string[] = [];
  for (const commit of history) {
    if (commit.drops?.includes(name) === true) [state, declaration] = [undefined, undefined];
    for (const each of commit.declares ?? []) {
      const text = JSON.stringify([each, commit.source]);
      if (each.name !== name || declaration === text) continue;
      declaration = text;
      keys = [];
      state = {
        status: commit.source === undefined ? "live" : "catching_up",
        reason: undefined,
        sinceMs: commit.timeMs,
        source: commit.source,
      };
    }
    if (state === undefined) continue;
    const rowsMax = (JSON.parse(declaration as string) as [{ bounds: { rowsMax: number } }])[0]
      .bounds.rowsMax;
    keys = [...keys, `${commit.seq}`].slice(-rowsMax);
    let said: SourceStatus | undefined;
    for (const { channels, status } of commit.status ?? [])
      if (channels === undefined ? commit.source === state.source : channels.includes(name))
        said = status;
    const reason = said !== undefined && "reason" in said ? said.reason : undefined;
    if (said !== undefined && said.status !== state.status)
      state = { ...state, status: said.status, reason, sinceMs: commit.timeMs };
    else if (said !== undefined) state = { ...state, reason };
  }
  return state && { state, keys };
}

describe("the sources' status and freshness", () => {
  it(
    "are a function of the log: states, freshness and source positions equal a recomputation after every commit",
    { timeout: 60_000 },
    () => {
      fc.assert(
        fc.property(fc.array(word, { minLength: 1, maxLength: 25 }), (words) => {
          const replica = new Replica();
          const history: Commit[] = [];
          for (const said of words) {
            const commit = commitOf(said, history.length + 1, history.at(-1)?.timeMs ?? 0);
            history.push(commit);
            replica.apply(commit);
            for (const name of CHANNELS) {
              const truth = slowState(history, name);
              expect(replica.stateOf(name)).toEqual(truth?.state);
              expect(
                replica.table(name) &&
                  [...(replica.table(name)?.rows.values() ?? [])].map(({ key }) => key),
              ).toEqual(truth?.keys);
            }
            const lastOf = (read: (of: Commit) => unknown): object =>
              Object.fromEntries(
                history.flatMap((each) =>
                  each.source === undefined || read(each) === undefined
                    ? []
                    : [[each.source, read(each)]],
                ),
              );
            expect(replica.asOf).toEqual(lastOf(({ asOfMs }) => asOfMs));
            expect({ s: replica.sourcePositionOf("s"), t: replica.sourcePositionOf("t") }).toEqual({
              s: undefined,
              t: undefined,
              ...lastOf(({ sourcePosition }) => sourcePosition),
            });
          }
        }),
        { numRuns: 300 },
      );
    },
  );

  it("ends the views of a channel that is dropped or declared otherwise, and no others", () => {
    const replica = new Replica();
    replica.apply({
      seq: 1,
      timeMs: 0,
      changes: [],
      declares: [declared("a", 5), declared("b", 5)],
    });
    const views = [
      replica.acquire({ channel: "a" }, undefined),
      replica.acquire({ channel: "a", where: { column: "id", ne: "x" } }, undefined),
      replica.acquire({ channel: "b" }, undefined),
    ];
    replica.apply({ seq: 2, timeMs: 0, changes: [], declares: [declared("a", 5)] });
    expect(replica.takeGone()).toEqual([]);
    replica.apply({ seq: 3, timeMs: 0, changes: [], declares: [declared("a", 6)] });
    expect(replica.takeGone()).toEqual(views.slice(0, 2));
    for (const view of views) replica.release(view, 0);
    replica.apply({ seq: 4, timeMs: 0, changes: [], drops: ["b", "none"] });
    expect([
      replica.takeGone().map(({ id }) => id),
      replica.viewCount,
      replica.viewEntries,
      replica.takeDirty(),
    ]).toEqual([["b"], 0, 0, []]);
    expect(() => replica.acquire({ channel: "b" }, undefined)).toThrow(
      expect.objectContaining({ code: "UNKNOWN_CHANNEL" }),
    );
  });
});
