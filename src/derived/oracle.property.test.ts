/**
 * Derived tables against the same aggregation in DuckDB, after every step of generated runs:
 * upserts, removes, evictions, reloads, and restarts from a checkpoint.
 */
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { Commit } from "../log/log.ts";
import { canonicalDecimal } from "../protocol/decimal.ts";
import { keyOf, type Row } from "../protocol/row.ts";
import { channel } from "../server/channel.ts";
import { derivationsOf } from "../server/derivations.ts";
import { Replica } from "../table/replica.ts";
import { avg, count, first, last, max, min, sum, timeBucket } from "./aggregate.ts";
import { derived } from "./derived.ts";

const columns = {
  id: "text",
  symbol: "text",
  price: "numeric",
  size: "integer",
  time: "timestamp",
} as const;
interface Trade {
  readonly id: string;
  readonly symbol: string;
  readonly price: string | null;
  readonly size: number;
  readonly time: string;
}
interface Listing {
  readonly symbol: string;
  readonly name: string;
}

const trades = channel<Trade>({ key: "id", columns });
const listings = channel<Listing>({ key: "symbol", columns: { symbol: "text", name: "text" } });

const aggregates = {
  rows: count(),
  priced: count("price"),
  total: sum("price"),
  mean: avg("price"),
  low: min("price"),
  high: max("price"),
  open: first("price", { by: "time" }),
  close: last("price", { by: "time" }),
  size: sum("size"),
} as const;
const AGGREGATES = `count(*) AS rows, count(price) AS priced, sum(price) AS total, avg(price) AS mean,
  min(price) AS low, max(price) AS high, first(price ORDER BY time, id) AS open,
  last(price ORDER BY time, id) AS close, sum(size) AS size`;

const groups = derived({
  from: { trades },
  over: "window",
  where: { column: "size", gt: 1 },
  groupBy: { symbol: "symbol" },
  columns: aggregates,
});
const streamed = derived({
  from: { trades },
  over: "stream",
  groupBy: { symbol: "symbol", minute: timeBucket("time", "1m") },
  columns: aggregates,
});
const kept = derived({
  from: { trades },
  over: "stream",
  groupBy: { minute: timeBucket("time", "1m", { keep: 2 }) },
  columns: { rows: count(), total: sum("price") },
});
const listed = derived({
  from: { trades },
  over: "window",
  join: { with: { listings }, on: { symbol: "symbol" }, columns: { name: "name" }, kind: "inner" },
});
const named = derived({
  from: { trades },
  over: "window",
  join: { with: { listings }, on: { symbol: "symbol" }, columns: { name: "name" }, kind: "left" },
  where: { not: { column: "name", eq: "hidden" } },
  groupBy: { symbol: "symbol" },
  columns: { size: sum("size"), name: max("name") },
});
const top = derived({
  from: { groups },
  over: "window",
  orderBy: [{ column: "total", direction: "desc" }],
  limit: 2,
});
const all = derived({
  from: { groups },
  over: "window",
  compute: { double: (row) => row.rows * 2 },
});

const WRITTEN = [
  declareChannel({
    name: "trades",
    key: ["id"],
    columns: Object.entries(columns).map(([name, type]) => ({ name, type })),
    bounds: { rowsMax: 6 },
  }),
  declareChannel({
    name: "listings",
    key: ["symbol"],
    columns: [
      { name: "symbol", type: "text" },
      { name: "name", type: "text" },
    ],
  }),
];
const CHANNELS = { trades, listings, groups, streamed, kept, listed, named, top, all };

const SYMBOLS = ["BTC", "ETH", "SOL"];
const row = fc.record({
  symbol: fc.constantFrom(...SYMBOLS),
  price: fc.option(fc.constantFrom("1", "1.00", "0.1", "2.005", "-3.5", "0.000001", "12345678.9")),
  size: fc.integer({ min: 0, max: 5 }),
  second: fc.integer({ min: 0, max: 240 }),
});
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      rows: fc.array(fc.tuple(fc.option(fc.nat(5)), row), { maxLength: 4 }),
      removes: fc.array(fc.nat(5), { maxLength: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("list" as const),
      symbol: fc.constantFrom(...SYMBOLS),
      name: fc.option(fc.constantFrom("hidden", "first", "second")),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reload" as const), keep: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** One run: the replica, and what it should have counted. */
class World {
  replica = new Replica({}, { derivations: derivationsOf(CHANNELS) });
  /** Rows that count for good, as of their eviction. */
  readonly #settled: Trade[] = [];
  #newestMinute = Number.NEGATIVE_INFINITY;
  #seq = 0;
  #ids = 0;

  constructor() {
    this.replica.begin("e");
    this.#commit({ declares: WRITTEN });
  }

  get live(): readonly Trade[] {
    return this.#rows<Trade>("trades");
  }

  get listings(): readonly Listing[] {
    return this.#rows<Listing>("listings");
  }

  /** All rows that a table over the stream counts. */
  get stream(): readonly Trade[] {
    return [...this.#settled, ...this.live];
  }

  /** Of two minutes that are kept, the first one. */
  get closedBefore(): number {
    return this.#newestMinute - 60_000;
  }

  table(name: string): readonly Row[] {
    return this.#rows<Row>(name);
  }

  apply(given: Step): void {
    if (given.kind === "restart") return this.#restart();
    const before = this.live;
    if (given.kind === "list") {
      const { symbol, name } = given;
      const upserts = name === null ? [] : [{ key: symbol, row: { symbol, name } }];
      const removes = name === null ? [symbol] : [];
      return this.#commit({ changes: [{ channel: "listings", upserts, removes }] });
    }
    const removed = new Set<string>();
    const upserts = new Map<string, Trade>();
    if (given.kind === "write") {
      for (const place of given.removes) removed.add(before[place]?.id ?? "");
      for (const [place, { second, ...rest }] of given.rows) {
        const id = (place === null ? undefined : before[place]?.id) ?? `t${++this.#ids}`;
        const time = new Date(1_700_000_040_000 + second * 1_000).toISOString();
        upserts.set(id, { id, ...rest, time });
        removed.delete(id);
      }
    } else {
      for (const trade of before.slice(0, given.keep)) upserts.set(trade.id, trade);
      for (const { id } of before.slice(given.keep)) removed.add(id);
    }
    this.#commit({
      changes: [
        {
          channel: "trades",
          upserts: [...upserts].map(([key, value]) => ({ key, row: value as unknown as Row })),
          removes: given.kind === "write" ? [...removed] : [],
          ...(given.kind === "reload" && { reload: true }),
        },
      ],
    });
    this.#settle(before, upserts, removed);
  }

  #settle(
    before: readonly Trade[],
    upserts: ReadonlyMap<string, Trade>,
    removed: ReadonlySet<string>,
  ): void {
    const live = new Set(this.live.map(({ id }) => id));
    const had = new Map(before.map((trade) => [trade.id, trade]));
    for (const [id, trade] of upserts) had.set(id, trade);
    for (const [id, trade] of had) if (!live.has(id) && !removed.has(id)) this.#settled.push(trade);
    for (const { time } of had.values())
      this.#newestMinute = Math.max(this.#newestMinute, minuteOf(time));
    for (const { time } of upserts.values())
      this.#newestMinute = Math.max(this.#newestMinute, minuteOf(time));
  }

  #restart(): void {
    const checkpoint = JSON.parse(
      JSON.stringify(this.replica.checkpoint(), (_key, value: unknown) =>
        value === Number.POSITIVE_INFINITY ? "Infinity" : value,
      ),
      (_key, value: unknown) => (value === "Infinity" ? Number.POSITIVE_INFINITY : value),
    ) as ReturnType<Replica["checkpoint"]>;
    const before = this.replica.checkpoint();
    this.replica = new Replica({}, { derivations: derivationsOf(CHANNELS) });
    this.replica.begin("e", checkpoint);
    this.#commit({});
    // A replica from a checkpoint is as one that has read everything.
    const after = this.replica.checkpoint();
    expect(after.channels).toEqual(before.channels);
  }

  #commit(draft: Partial<Commit>): void {
    this.#seq++;
    this.replica.apply({ changes: [], ...draft, seq: this.#seq, timeMs: this.#seq });
  }

  #rows<R>(name: string): readonly R[] {
    const nodes = this.replica.table(name)?.rows.values() ?? [];
    return Array.from(nodes, (node) => node.row as unknown as R);
  }
}

function minuteOf(time: string): number {
  return Math.floor(Date.parse(time) / 60_000) * 60_000;
}

let duckdb: DuckDBConnection;
beforeAll(async () => {
  duckdb = await (await DuckDBInstance.create(":memory:")).connect();
});
afterAll(() => duckdb.closeSync());

const TRADES = `SELECT unnest(from_json($rows, '[{"id":"VARCHAR","symbol":"VARCHAR","price":"DECIMAL(30,12)","size":"BIGINT","time":"TIMESTAMP"}]'), recursive := true)`;

/** Rows as texts by column, so that both sides compare; decimals in one form. */
async function ask(rows: readonly object[], sql: string): Promise<readonly string[]> {
  const result = await duckdb.runAndReadAll(sql.replaceAll("$trades", `(${TRADES})`), {
    rows: JSON.stringify(rows),
  });
  return textsOf(result.getRowObjectsJson() as readonly Row[]);
}

function textsOf(rows: readonly Row[]): readonly string[] {
  return rows.map((each) => JSON.stringify(Object.entries(each).map(textOf).sort())).sort();
}

function textOf([name, value]: readonly [string, Row[string] | undefined]): readonly unknown[] {
  if (value === null || value === undefined) return [name, null];
  // DuckDB's average is a double.
  if (name === "mean") return [name, Number(value).toPrecision(10)];
  if (name === "minute")
    return [name, Date.parse(`${String(value).slice(0, 19).replace(" ", "T")}Z`)];
  return [name, /^-?[\d.]+$/.test(String(value)) ? canonicalDecimal(String(value)) : value];
}

async function check(world: World): Promise<void> {
  const { live, stream } = world;
  const minute = "time_bucket(INTERVAL 1 MINUTE, time) AS minute";
  expect(textsOf(world.table("groups"))).toEqual(
    await ask(live, `SELECT symbol, ${AGGREGATES} FROM $trades WHERE size > 1 GROUP BY symbol`),
  );
  expect(textsOf(world.table("streamed"))).toEqual(
    await ask(stream, `SELECT symbol, ${minute}, ${AGGREGATES} FROM $trades GROUP BY ALL`),
  );
  const open = `epoch_ms(time) >= ${Number.isFinite(world.closedBefore) ? world.closedBefore : 0}`;
  expect(textsOf(world.table("kept"))).toEqual(
    await ask(
      stream,
      `SELECT ${minute}, count(*) AS rows, sum(price) AS total FROM $trades WHERE ${open} GROUP BY ALL`,
    ),
  );
  const totals = await ask(
    live,
    `SELECT *, rows * 2 AS double FROM (SELECT symbol, ${AGGREGATES} FROM $trades WHERE size > 1 GROUP BY symbol)`,
  );
  expect(textsOf(world.table("all"))).toEqual(totals);
  expect(textsOf(world.table("top"))).toEqual(
    await ask(
      live,
      `SELECT symbol, ${AGGREGATES} FROM $trades WHERE size > 1 GROUP BY symbol ORDER BY total DESC NULLS FIRST, symbol LIMIT 2`,
    ),
  );
  const names = world.listings.map(({ symbol, name }) => `('${symbol}', '${name}')`).join(", ");
  const listings = `(SELECT * FROM (VALUES ('', ''), ${names || "('', '')"}) AS l(symbol, name))`;
  expect(textsOf(world.table("listed").map(({ time: _time, ...rest }) => rest))).toEqual(
    await ask(
      live,
      `SELECT t.* EXCLUDE time, l.name FROM $trades t JOIN ${listings} l USING (symbol)`,
    ),
  );
  expect(textsOf(world.table("named"))).toEqual(
    await ask(
      live,
      `SELECT t.symbol, sum(size) AS size, max(l.name) AS name FROM $trades t LEFT JOIN ${listings} l USING (symbol) WHERE l.name <> 'hidden' GROUP BY t.symbol`,
    ),
  );
  for (const name of Object.keys(CHANNELS))
    for (const node of world.replica.table(name)?.rows.values() ?? [])
      expect(keyOf(node.row, world.replica.table(name)?.channel.key ?? [])).toBe(node.key);
}

describe("derived tables", () => {
  it("are what DuckDB computes from the same rows, after every step", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 12 }), async (steps) => {
        const world = new World();
        for (const each of steps) {
          world.apply(each);
          await check(world);
        }
      }),
      { numRuns: 12 },
    );
  }, 60_000);
});
