/**
 * Views: the cost of one row's change in a filtered, a sorted and a top-100 view as the table
 * grows, compared with Perspective and TanStack DB at sizes that they load in reasonable time; and
 * the cost of one change under 10 and under 10,000 views `symbol = 'S…'` of one channel.
 * `npm run bench -- views different`: only the views of many users with different queries.
 */
import type { Row } from "../src/protocol/row.ts";
import type { WireQuery } from "../src/protocol/query.ts";
import { seededRandom } from "../src/std/random.ts";
import { declareChannel } from "../src/log/channel.ts";
import { Replica } from "../src/table/replica.ts";
import { differentViews } from "./support/different-views.ts";
import { fixed, machine, median, table, goal } from "./support/report.ts";

const SIZES = [10_000, 100_000, 1_000_000];
const CHANGES = 20_000;
const ROUNDS = 5;
const PEER_CHANGES = 30;
/** The other libraries are not measured above this size: it would take minutes. */
const PEER_SIZE_MAX = 100_000;
const SYMBOLS = 1_000;

interface Item extends Row {
  readonly id: string;
  readonly symbol: string;
  readonly price: number;
  readonly size: number;
}

const random = seededRandom(5);
const item = (index: number): Item => ({
  id: `r${index}`,
  symbol: `S${index % SYMBOLS}`,
  price: Math.floor(random.next() * 1e9),
  size: index % 97,
});

const QUERIES: Readonly<Record<string, WireQuery>> = {
  filtered: { channel: "items", where: { column: "size", gt: 48 } },
  sorted: {
    channel: "items",
    order_by: [{ column: "price", direction: "desc" }],
    limit: Number.MAX_SAFE_INTEGER,
  },
  "top 100": { channel: "items", order_by: [{ column: "price", direction: "desc" }], limit: 100 },
};

function load(size: number): Replica {
  const replica = new Replica({ entriesMax: 20_000_000, viewsMax: 20_000 });
  replica.apply({
    seq: 1,
    timeMs: 0,
    changes: [],
    declares: [
      declareChannel({ name: "items", key: ["id"], bounds: { rowsMax: size + 1, bytesMax: 4e9 } }),
    ],
  });
  for (let from = 0; from < size; from += 10_000) {
    const upserts = Array.from({ length: Math.min(10_000, size - from) }, (_, index) => ({
      key: `r${from + index}`,
      row: item(from + index),
    }));
    replica.apply({
      seq: replica.seq + 1,
      timeMs: 0,
      changes: [{ channel: "items", upserts, removes: [] }],
    });
  }
  return replica;
}

/** Microseconds per change of one row in its own commit; the median of the rounds. */
function costOfChange(replica: Replica, size: number): number {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const rows = Array.from({ length: CHANGES }, () => item(Math.floor(random.next() * size)));
    const beganMs = performance.now();
    for (const row of rows)
      replica.apply({
        seq: replica.seq + 1,
        timeMs: 0,
        changes: [{ channel: "items", upserts: [{ key: row.id, row }], removes: [] }],
      });
    rounds.push(((performance.now() - beganMs) * 1_000) / CHANGES);
  }
  return median(rounds);
}

let reads = 0;

/** A row that counts how often its price is read. */
function countingItem(index: number): Item {
  const { price, ...rest } = item(index);
  return Object.defineProperty(rest, "price", {
    enumerable: true,
    get: () => (reads++, price),
  }) as unknown as Item;
}

/**
 * How often one change of a sorted view reads a price, including the encoding of the row: the cost
 * of an index without cache effects.
 */
function looksPerChange(size: number): number {
  const replica = new Replica({ entriesMax: 20_000_000 });
  replica.apply({
    seq: 1,
    timeMs: 0,
    changes: [],
    declares: [
      declareChannel({ name: "items", key: ["id"], bounds: { rowsMax: size + 1, bytesMax: 4e9 } }),
    ],
  });
  const apply = (rows: readonly Item[]): void =>
    replica.apply({
      seq: replica.seq + 1,
      timeMs: 0,
      changes: [
        { channel: "items", upserts: rows.map((row) => ({ key: row.id, row })), removes: [] },
      ],
    });
  for (let from = 0; from < size; from += 10_000)
    apply(
      Array.from({ length: Math.min(10_000, size - from) }, (_, index) =>
        countingItem(from + index),
      ),
    );
  replica.acquire(QUERIES["sorted"] as WireQuery, undefined);
  reads = 0;
  for (let change = 0; change < 2_000; change++)
    apply([countingItem(Math.floor(random.next() * size))]);
  return reads / 2_000;
}

async function costInPerspective(size: number, kind: string): Promise<number> {
  const { default: perspective } = await import("@perspective-dev/client");
  const data = await perspective.table(
    { id: "string", symbol: "string", price: "float", size: "integer" },
    { index: "id" },
  );
  for (let from = 0; from < size; from += 10_000)
    await data.update(Array.from({ length: 10_000 }, (_, index) => item(from + index)));
  const view = await data.view(
    kind === "filtered" ? { filter: [["size", ">", 48]] } : { sort: [["price", "desc"]] },
  );
  const times: number[] = [];
  for (let change = 0; change < PEER_CHANGES; change++) {
    const beganMs = performance.now();
    await data.update([item(Math.floor(random.next() * size))]);
    // Perspective has no top-N view; the first hundred rows of a sorted view are the closest.
    await (kind === "top 100" ? view.to_json({ start_row: 0, end_row: 100 }) : view.num_rows());
    times.push((performance.now() - beganMs) * 1_000);
  }
  await view.delete();
  await data.delete();
  return median(times);
}

async function costInTanstack(size: number, kind: string): Promise<number> {
  const { BTreeIndex, createCollection, createLiveQueryCollection, gt } =
    await import("@tanstack/db");
  type Sync = {
    begin(): void;
    write(change: { type: "insert" | "update"; value: Item }): void;
    commit(): void;
    markReady(): void;
  };
  let sync: Sync | undefined;
  const source = createCollection<Item, string>({
    id: `items-${kind}-${size}`,
    getKey: (row) => row.id,
    autoIndex: "eager",
    defaultIndexType: BTreeIndex,
    sync: {
      sync: (parameters) => {
        sync = parameters as unknown as Sync;
        sync.begin();
        for (let index = 0; index < size; index++)
          sync.write({ type: "insert", value: item(index) });
        sync.commit();
        sync.markReady();
      },
    },
  });
  const live = createLiveQueryCollection({
    startSync: true,
    query: (builder) => {
      const from = builder.from({ row: source });
      if (kind === "filtered") return from.where(({ row }) => gt(row.size, 48));
      const sorted = from.orderBy(({ row }) => row.price, "desc");
      return kind === "sorted" ? sorted : sorted.limit(100);
    },
  });
  await live.preload();
  const times: number[] = [];
  for (let change = 0; change < PEER_CHANGES; change++) {
    const value = item(Math.floor(random.next() * size));
    const beganMs = performance.now();
    sync?.begin();
    sync?.write({ type: "update", value });
    sync?.commit();
    if (live.size < 0) throw new Error("unreachable");
    times.push((performance.now() - beganMs) * 1_000);
  }
  await live.cleanup();
  return median(times);
}

async function attempt(run: () => Promise<number>): Promise<string> {
  try {
    return fixed(await run(), 0);
  } catch (error) {
    return `failed: ${String(error instanceof Error ? error.message : error).slice(0, 40)}`;
  }
}

if (process.argv[2] === "different") {
  console.log(await machine());
  await differentViews();
  process.exit(0);
}
console.log(`One row's change, µs of one core (single thread, so CPU time)\n${await machine()}\n`);
const rows: (readonly string[])[] = [];
const costs = new Map<string, number[]>();
for (const size of SIZES) {
  for (const [kind, query] of Object.entries(QUERIES)) {
    const replica = load(size);
    const without = costOfChange(replica, size);
    replica.acquire(query, undefined);
    const cost = costOfChange(replica, size);
    costs.set(kind, [...(costs.get(kind) ?? []), cost]);
    const isPeerSize = size <= PEER_SIZE_MAX;
    rows.push([
      kind,
      size.toLocaleString("en-US"),
      fixed(without),
      fixed(cost),
      isPeerSize ? await attempt(() => costInPerspective(size, kind)) : "–",
      isPeerSize ? await attempt(() => costInTanstack(size, kind)) : "–",
    ]);
  }
}
console.log(table(["view", "rows", "table alone", "Tidemark", "Perspective", "TanStack DB"], rows));
const looks = SIZES.map(looksPerChange);
console.log(
  table(
    [
      "sorted view, looks at a price per change",
      ...SIZES.map((size) => size.toLocaleString("en-US")),
    ],
    [["", ...looks.map((count) => fixed(count, 1))]],
  ),
);
const growth = (looks[2] ?? 0) / (looks[0] ?? 1);
console.log(
  goal(
    `${fixed(growth)}× the comparisons from 10,000 to 1,000,000 rows (the logarithm grows 1.5×)`,
    growth <= 1.5,
  ),
);
for (const [kind, [small = 1, , large = 1]] of costs) {
  console.log(
    `        ${kind}: ${fixed(large / small, 1)}× the time from 10,000 to 1,000,000 rows: a million rows do not fit the cache`,
  );
}

console.log("\nOne row's change under many views symbol = 'S…' of one channel\n");
const many: (readonly string[])[] = [];
const routed: number[] = [];
for (const views of [10, 10_000]) {
  const replica = load(10_000);
  for (let index = 0; index < views; index++)
    replica.acquire(
      {
        channel: "items",
        where: {
          and: [
            { column: "symbol", eq: `S${index}` },
            { column: "size", gte: 0 },
          ],
        },
      },
      undefined,
    );
  routed.push(costOfChange(replica, 10_000));
  many.push([views.toLocaleString("en-US"), fixed(routed.at(-1) ?? 0)]);
}
console.log(table(["views", "µs/change"], many));
const ratio = (routed[1] ?? 0) / (routed[0] ?? 1);
console.log(
  goal(
    `10,000 views cost ${fixed(ratio)}× of what 10 do; of 10, one change in a hundred meets a view, of 10,000, every one`,
    ratio < 2.5,
  ),
);
await differentViews();
process.exit(0);
