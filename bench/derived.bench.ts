/**
 * What a derived table costs. CPU of a change of one row, in groups of 10 and of 100,000 rows,
 * against the same aggregation by TanStack DB's engine, and by asking DuckDB again; each change
 * replaces a row, so it takes one value away and adds another. And the heap that it keeps for each
 * group and for each row, by aggregate.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { DuckDBInstance } from "@duckdb/node-api";
import { D2, groupBy, groupByOperators, output } from "@tanstack/db-ivm";
import { avg, count, derived, first, last, max, min, sum } from "../src/derived/index.ts";
import { declareChannel } from "../src/log/channel.ts";
import { channel } from "../src/server/channel.ts";
import { derivationsOf } from "../src/server/derivations.ts";
import { seededRandom } from "../src/std/random.ts";
import { Replica } from "../src/table/replica.ts";
import { fixed, goal, machine, table } from "./support/report.ts";

const ROWS = 100_000;
const ENGINE_ROWS_MAX = 1_000;

interface Trade {
  readonly id: string;
  readonly symbol: string;
  readonly price: number;
}

const random = seededRandom(1);
const price = (): number => Math.floor(random.next() * 1e6) / 100;
const tradeAt = (index: number, groups: number): Trade => ({
  id: `t${index}`,
  symbol: `s${index % groups}`,
  price: price(),
});

/** CPU microseconds per change. */
async function cost(changes: number, change: () => unknown): Promise<number> {
  for (let index = 0; index < changes / 10; index++) await change();
  const before = process.cpuUsage();
  for (let index = 0; index < changes; index++) await change();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / changes;
}

const trades = channel<Trade>({ key: "id" });
const sums = { total: sum("price"), rows: count() } as const;
const TABLES = {
  none: {},
  sums: {
    sums: derived({
      from: { trades },
      over: "window",
      groupBy: { symbol: "symbol" },
      columns: sums,
    }),
  },
  extremes: {
    extremes: derived({
      from: { trades },
      over: "window",
      groupBy: { symbol: "symbol" },
      columns: { ...sums, low: min("price"), high: max("price") },
    }),
  },
};

function tidemark(derivedTables: keyof typeof TABLES, groups: number): () => void {
  const channels = { trades, ...TABLES[derivedTables] };
  const replica = new Replica({}, { derivations: derivationsOf(channels) });
  const columns = (["id", "symbol"] as const).map((name) => ({ name, type: "text" as const }));
  const declared = declareChannel({
    name: "trades",
    key: ["id"],
    columns: [...columns, { name: "price", type: "float" }],
  });
  const rows = Array.from({ length: ROWS }, (_, index) => tradeAt(index, groups));
  const upsertsOf = (list: readonly Trade[]) =>
    list.map((row) => ({ key: row.id, row: { ...row } }));
  let seq = 1;
  replica.begin("bench");
  const changes = [{ channel: "trades", upserts: upsertsOf(rows), removes: [] }];
  replica.apply({ seq, timeMs: seq, declares: [declared], changes });
  return () => {
    const row = tradeAt(Math.floor(random.next() * ROWS), groups);
    seq++;
    const upserts = upsertsOf([row]);
    replica.apply({ seq, timeMs: seq, changes: [{ channel: "trades", upserts, removes: [] }] });
  };
}

/** TanStack DB's engine, which also changes groups by what changes in them. */
function tanstack(rowsPerGroup: number, hasExtremes: boolean): () => void {
  const groups = Math.max(1, Math.floor(ROWS / rowsPerGroup));
  const graph = new D2();
  const input = graph.newInput<Trade>();
  const of = {
    total: groupByOperators.sum(({ price: value }: Trade) => value),
    rows: groupByOperators.count<Trade>(),
  };
  const extremes = {
    low: groupByOperators.min(({ price: value }: Trade) => value),
    high: groupByOperators.max(({ price: value }: Trade) => value),
  };
  let changed = 0;
  input.pipe(
    groupBy(({ symbol }: Trade) => ({ symbol }), hasExtremes ? { ...of, ...extremes } : of),
    output(() => void changed++),
  );
  graph.finalize();
  const rows = Array.from({ length: rowsPerGroup * groups }, (_, index) => tradeAt(index, groups));
  input.sendData(rows.map((row): [Trade, number] => [row, 1]));
  graph.run();
  return () => {
    const at = Math.floor(random.next() * rows.length);
    const [before, after] = [rows[at] as Trade, tradeAt(at, groups)];
    rows[at] = after;
    input.sendData([
      [before, -1],
      [after, 1],
    ]);
    graph.run();
  };
}

/** Stores the row, and asks for its group anew. */
async function duckdb(groups: number): Promise<() => Promise<void>> {
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(
    `CREATE TABLE trades AS SELECT 't' || i AS id, 's' || (i % ${groups}) AS symbol, random() * 1e4 AS price FROM range(${ROWS}) r(i)`,
  );
  await connection.run("CREATE UNIQUE INDEX by_id ON trades (id)");
  return async () => {
    const row = tradeAt(Math.floor(random.next() * ROWS), groups);
    await connection.run("UPDATE trades SET price = $price WHERE id = $id", {
      price: row.price,
      id: row.id,
    });
    const asked = await connection.runAndReadAll(
      "SELECT sum(price), count(*), min(price), max(price) FROM trades WHERE symbol = $symbol",
      { symbol: row.symbol },
    );
    asked.getRows();
  };
}

const HEAP_ROWS = 50_000;
const decimals = channel<{ id: string; symbol: string; price: string }>({ key: "id" });
const names = channel<{ symbol: string; name: string }>({ key: "symbol" });
const bySymbol = { from: { decimals }, over: "window", groupBy: { symbol: "symbol" } } as const;
/** What the heap is measured for; sums are of decimals. */
const KEPT = {
  "count()": derived({ ...bySymbol, columns: { kept: count() } }),
  'count("price")': derived({ ...bySymbol, columns: { kept: count("price") } }),
  sum: derived({ ...bySymbol, columns: { kept: sum("price") } }),
  avg: derived({ ...bySymbol, columns: { kept: avg("price") } }),
  min: derived({ ...bySymbol, columns: { kept: min("price") } }),
  "min and max": derived({ ...bySymbol, columns: { kept: min("price"), high: max("price") } }),
  "first and last": derived({
    ...bySymbol,
    columns: { kept: first("price", { by: "id" }), close: last("price", { by: "id" }) },
  }),
  join: derived({
    from: { decimals },
    over: "window",
    join: { with: { names }, on: { symbol: "symbol" }, columns: { name: "name" }, kind: "left" },
  }),
  limit: derived({
    from: { decimals },
    over: "window",
    orderBy: [{ column: "price" }],
    limit: 10,
  }),
} as const;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Bytes of heap that so many rows in so many groups take, with a derived table and without. */
function heapOf(kept: keyof typeof KEPT | undefined, groups: number): number {
  const channels = { decimals, names, ...(kept !== undefined && { kept: KEPT[kept] }) };
  collect();
  const before = process.memoryUsage().heapUsed;
  const replica = new Replica({}, { derivations: derivationsOf(channels) });
  const typed = (name: string, columns: Readonly<Record<string, "text" | "numeric">>) =>
    declareChannel({
      name,
      key: [Object.keys(columns)[0] ?? ""],
      columns: Object.entries(columns).map(([each, type]) => ({ name: each, type })),
    });
  const declares = [
    typed("decimals", { id: "text", symbol: "text", price: "numeric" }),
    typed("names", { symbol: "text", name: "text" }),
  ];
  const upserts = Array.from({ length: HEAP_ROWS }, (_, index) => {
    const { id, symbol, price: value } = tradeAt(index, groups);
    return { key: id, row: { id, symbol, price: value.toFixed(2) } };
  });
  replica.begin("bench");
  const changes = [{ channel: "decimals", upserts, removes: [] }];
  replica.apply({ seq: 1, timeMs: 1, declares, changes });
  collect();
  const bytes = process.memoryUsage().heapUsed - before;
  // Both are alive until here.
  if (upserts.length + replica.seq === 0) throw new Error("nothing was measured");
  return bytes;
}

/** Per row in one group of all rows, and per group of one row each, without what the row costs. */
function heapFigures(kept: keyof typeof KEPT): readonly [perGroup: number, perRow: number] {
  const perRow = (heapOf(kept, 1) - heapOf(undefined, 1)) / HEAP_ROWS;
  const ofBoth = (heapOf(kept, HEAP_ROWS) - heapOf(undefined, HEAP_ROWS)) / HEAP_ROWS;
  return [ofBoth - perRow, perRow];
}

const SIZES = [10, ROWS] as const;
const groupsOf = (rowsPerGroup: number): number => ROWS / rowsPerGroup;
const results: [string, ...number[]][] = [];
const add = async (
  name: string,
  make: (rowsPerGroup: number) => [number, (() => unknown) | Promise<() => unknown>],
): Promise<readonly number[]> => {
  const figures: number[] = [];
  for (const size of SIZES) {
    const [changes, change] = make(size);
    figures.push(await cost(changes, await change));
  }
  results.push([name, ...figures]);
  return figures;
};

const bare = await add("table alone", (size) => [20_000, tidemark("none", groupsOf(size))]);
const summed = await add("sum, count", (size) => [20_000, tidemark("sums", groupsOf(size))]);
const ordered = await add("sum, count, min, max", (size) => [
  20_000,
  tidemark("extremes", groupsOf(size)),
]);
// Its cost grows with the group, so its large group has 1,000 rows.
await add("TanStack DB: sum, count", (size) => [
  500,
  tanstack(Math.min(size, ENGINE_ROWS_MAX), false),
]);
await add("TanStack DB: and min, max", (size) => [
  500,
  tanstack(Math.min(size, ENGINE_ROWS_MAX), true),
]);
await add("DuckDB asked again", (size) => [300, duckdb(groupsOf(size))]);

console.log(`CPU of one change in a table of ${ROWS} rows\n${await machine()}\n`);
console.log(
  table(
    ["µs per change", ...SIZES.map((size) => `${size} rows/group`)],
    results.map(([name, ...figures]) => [
      name,
      ...figures.map((figure, index) =>
        name.startsWith("TanStack") && index > 0
          ? `${fixed(figure, 1)} (of ${ENGINE_ROWS_MAX})`
          : fixed(figure, 1),
      ),
    ]),
  ),
);
const share = (figures: readonly number[]): number =>
  ((figures[1] ?? 0) - (bare[1] ?? 0)) / Math.max(0.1, (figures[0] ?? 0) - (bare[0] ?? 0));
console.log(
  [
    goal(
      `sum and count cost the same in large groups (${fixed(share(summed))} times)`,
      share(summed) < 2,
    ),
    goal(`min and max cost O(log rows) (${fixed(share(ordered))} times)`, share(ordered) < 5),
  ].join("\n"),
);
console.log(`\nHeap that a derived table keeps, of ${HEAP_ROWS} rows\n`);
heapOf("min and max", 10);
console.log(
  table(
    ["bytes", "per group, with its row", "per row of the source"],
    (Object.keys(KEPT) as (keyof typeof KEPT)[]).map((kept) => [
      kept,
      ...heapFigures(kept).map((bytes) => fixed(Math.max(0, bytes), 0)),
    ]),
  ),
);
