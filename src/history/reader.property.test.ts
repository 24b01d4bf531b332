import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../std/manual-clock.ts";
import { declareChannel } from "../log/channel.ts";
import { compileOrder } from "../protocol/order.ts";
import type { WireOrderBy, WireQuery, WireWhere } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import { compileWhere } from "../protocol/where.ts";
import { whereContextOf } from "../table/channel.ts";
import type { HistoryEntry } from "./history.ts";
import { HISTORY_LIMITS } from "./limits.ts";
import { HistoryReader } from "./reader.ts";
import { ScriptedStore } from "./scripted-store.ts";

const channel = declareChannel({
  name: "trades",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "price", type: "integer" },
    { name: "side", type: "text" },
  ],
  history: {},
});
const context = whereContextOf(channel);

const id = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l");
const row = fc.record({
  id,
  price: fc.option(fc.integer({ min: 0, max: 5 })),
  side: fc.constantFrom("buy", "sell"),
});
const step = fc.oneof(
  { arbitrary: row.map((value) => ({ kind: "upsert" as const, row: value as Row })), weight: 60 },
  { arbitrary: id.map((key) => ({ kind: "remove" as const, key })), weight: 20 },
  { arbitrary: fc.constant({ kind: "reload" as const }), weight: 2 },
);
const where: fc.Arbitrary<WireWhere | undefined> = fc.option(
  fc.oneof(
    fc.record({ column: fc.constant("price"), gte: fc.integer({ min: 0, max: 5 }) }),
    fc.record({ column: fc.constant("side"), eq: fc.constantFrom("buy", "sell") }),
    fc.record({ column: fc.constant("price"), is_null: fc.boolean() }),
  ),
  { nil: undefined },
);
const orderBy: fc.Arbitrary<readonly WireOrderBy[]> = fc.array(
  fc.record({
    column: fc.constantFrom("price", "side"),
    direction: fc.constantFrom("asc" as const, "desc" as const),
  }),
  { maxLength: 2 },
);

function entriesOf(steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[]) {
  return steps.map((each, at): HistoryEntry => {
    const point = { channel: channel.name, seq: at + 1, timeMs: (at + 1) * 10 };
    if (each.kind === "upsert")
      return {
        ...point,
        kind: "upsert",
        key: each.row["id"] as string,
        row: each.row,
        json: JSON.stringify(each.row),
      };
    return each.kind === "remove"
      ? { ...point, kind: "remove", key: each.key }
      : { ...point, kind: "reload", key: "" };
  });
}

/** All rows of a query as of a seq, by going through every entry. */
function rowsAsOf(
  entries: readonly HistoryEntry[],
  seq: number,
  query: WireQuery,
  policy: WireWhere | undefined,
): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const entry of entries) {
    if (entry.seq > seq) break;
    if (entry.kind === "reload") rows.clear();
    else if (entry.row === undefined) rows.delete(entry.key);
    else rows.set(entry.key, entry.row);
  }
  const parts = [query.where, policy].filter((part) => part !== undefined);
  const matches = compileWhere({ and: parts }, context);
  return Array.from(rows, ([key, value]) => ({ key, row: value }))
    .filter((ranked) => matches(ranked.row))
    .sort(compileOrder(query.order_by ?? [], context))
    .map((ranked) => ranked.row);
}

/**
 * A store that holds the entries up to a seq, and a log that holds the others; `arriveMeanwhile`
 * entries come with each of those that the reader takes while they are not stored.
 */
async function begin(
  entries: readonly HistoryEntry[],
  { clock = new ManualClock(), arriveMeanwhile = 0 } = {},
) {
  const store = new ScriptedStore();
  await store.declare({ channel, source: undefined });
  const edge = {
    seq: 0,
    timeMs: 0,
    durable: 0,
    head: undefined as number | undefined,
    pending: async function* (): AsyncGenerator<readonly HistoryEntry[]> {
      for (const entry of entries.slice(edge.durable, edge.seq)) {
        await advance(edge.seq + arriveMeanwhile, edge.durable + (entry.seq % 2));
        yield [entry];
      }
    },
  };
  const advance = async (seq: number, durable: number): Promise<void> => {
    edge.seq = Math.max(edge.seq, Math.min(seq, entries.length));
    edge.timeMs = edge.seq * 10;
    const to = Math.max(edge.durable, Math.min(durable, edge.seq));
    const batch = entries.slice(edge.durable, to);
    if (batch.length === 0) return;
    await store.write({
      after: edge.durable,
      seq: to,
      timeMs: to * 10,
      entries: batch,
      sourcePositions: [],
      requestIds: [],
    });
    edge.durable = to;
  };
  const reader = new HistoryReader({
    store,
    limits: HISTORY_LIMITS,
    clock,
    edge: {
      get seq() {
        return edge.seq;
      },
      get timeMs() {
        return edge.timeMs;
      },
      get head() {
        return edge.head ?? edge.seq;
      },
      channel: (name) => (name === channel.name ? channel : undefined),
      pendingOf: () => edge.pending(),
      isStored: async (seq) => {
        // Each other reload waits for a store that does not answer.
        if (seq % 2 === 0) await advance(edge.seq, seq);
        return edge.durable >= seq;
      },
    },
  });
  return { advance, edge, reader };
}

describe("the reader of history", () => {
  it("says of which moment its answer is, where the tables do not hold the one asked for", async () => {
    const clock = new ManualClock();
    const { edge, reader } = await begin([], { clock });
    edge.timeMs = 1_000;
    const momentAt = async (timeMs: number): Promise<number | undefined> =>
      (await reader.page({ query: { channel: channel.name }, policy: undefined, asOf: { timeMs } }))
        .asOfMs;
    const nowMs = clock.now();
    expect(await momentAt(500)).toBe(500);
    expect(await momentAt(nowMs - 1)).toBe(nowMs - 1);
    const ofFuture = (await momentAt(nowMs + 1e9)) ?? 0;
    expect(ofFuture).toBeGreaterThanOrEqual(nowMs);
    expect(ofFuture).toBeLessThan(nowMs + 1e9);
    // Commits that the tables have not reached may be of any later time.
    edge.head = 7;
    expect(await momentAt(nowMs)).toBe(1_000);
  });

  it("pages as of one seq without a hole, a double or a wrong row, while rows arrive and are stored", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 60 }),
        fc.array(fc.tuple(fc.nat(10), fc.nat(10)), { minLength: 1, maxLength: 12 }),
        fc.record({ where, orderBy, policy: where, limit: fc.integer({ min: 1, max: 4 }) }),
        fc.nat(2),
        async (steps, moves, { orderBy: order_by, limit, policy, ...given }, arriveMeanwhile) => {
          const entries = entriesOf(steps);
          const { advance, edge, reader } = await begin(entries, { arriveMeanwhile });
          await advance(Math.floor(steps.length / 2), Math.floor(steps.length / 3));
          const query: WireQuery = {
            channel: "trades",
            limit,
            order_by,
            ...(given.where !== undefined && { where: given.where }),
          };
          const found: Row[] = [];
          let page = await reader.page({ query, policy });
          for (const at of Array.from({ length: 20 }, (_, index) => index)) {
            found.push(...page.rows.map(({ json }) => JSON.parse(json) as Row));
            if (page.next === undefined) break;
            const [seq, durable] = moves[at % moves.length] ?? [0, 0];
            await advance(edge.seq + seq, edge.durable + durable);
            const asOf = { seq: page.completeThrough };
            page = await reader.page({ query, policy, asOf, after: page.next });
          }
          expect(page.next).toBeUndefined();
          expect(found).toEqual(rowsAsOf(entries, page.completeThrough, query, policy));
        },
      ),
      { numRuns: 1_000 },
    ));

  it("ends what takes too long, also while it reads what is not stored yet", async () => {
    const entries = entriesOf([{ kind: "remove", key: "a" }]);
    const page = { query: { channel: "trades" }, policy: undefined };
    const clock = new ManualClock();
    const endless = await begin(entries, { clock });
    await endless.advance(1, 0);
    let hasEnded = false;
    endless.edge.pending = async function* () {
      try {
        for (;;) {
          await Promise.resolve();
          clock.spend(1);
          yield entries;
        }
      } finally {
        hasEnded = true;
      }
    };
    const refused = endless.reader.page(page);
    refused.catch(() => {});
    await expect.poll(() => (clock.advance(1_000), hasEnded), { interval: 1 }).toBe(true);
    await expect(refused).rejects.toMatchObject({ code: "QUERY_TOO_COSTLY" });
  });

  it("answers as of any seq and time", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 30 }),
        fc.nat(30),
        fc.nat(30),
        async (steps, durable, at) => {
          const entries = entriesOf(steps);
          const { advance, reader } = await begin(entries);
          await advance(steps.length, durable);
          const seq = Math.min(at, steps.length);
          const query: WireQuery = { channel: "trades" };
          for (const asOf of [{ seq }, { timeMs: seq * 10 + 5 }]) {
            const page = await reader.page({ query, policy: undefined, asOf });
            expect(page.completeThrough).toBe(seq);
            expect(page.rows.map(({ json }) => JSON.parse(json) as Row)).toEqual(
              rowsAsOf(entries, seq, query, undefined),
            );
          }
        },
      ),
    ));
});
