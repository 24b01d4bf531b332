/**
 * A view's rows in order, as the page keeps them: comparisons and CPU per changed row for batches
 * of 1 to 10,000 rows in views of 1,000 to 200,000, with the list's arrays read after each batch;
 * beside the former way, which sorted the whole view again above 64 rows. Half of the changed rows
 * move. CPU is that of the whole process, garbage collection included.
 */
import { OrderedRows } from "../src/client/page/ordered-rows.ts";
import type { ViewShape } from "../src/client/port.ts";
import { compileOrder, type Ranked } from "../src/protocol/order.ts";
import type { Row } from "../src/protocol/row.ts";
import { seededRandom } from "../src/std/random.ts";
import { fixed, machine, table, goal } from "./support/report.ts";

const SIZES = [1_000, 10_000, 100_000, 200_000];
const BATCHES = [1, 83, 1_000, 10_000];
/** Each figure is the mean of so many batches. */
const ROUNDS = 10;
const SHAPE: ViewShape = {
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "price", type: "integer" },
    { name: "size", type: "integer" },
  ],
  order_by: [{ column: "price", direction: "desc", nulls: "first" }],
  isLimited: false,
};
const FRAME_MS = 1_000 / 60;
/** Rows per frame at 5,000 rows a second. */
const FRAME_ROWS = 83;

let comparisons = 0;

/** A row that counts how often its rank is read; a comparison reads two. */
class CountedRow {
  readonly id: string;
  readonly size: number;
  readonly #price: number;

  constructor({ id, price, size }: Item) {
    this.id = id;
    this.size = size;
    this.#price = price;
  }

  get price(): number {
    comparisons += 0.5;
    return this.#price;
  }
}

interface Item extends Row {
  readonly id: string;
  readonly price: number;
  readonly size: number;
}

interface Ordering {
  apply(upserts: readonly Row[]): void;
  /** What a snapshot hands out. */
  read(): number;
}

/** As it is done now. */
function incremental(): Ordering {
  const rows = new OrderedRows();
  rows.configure(SHAPE);
  return {
    apply: (upserts) => rows.apply({ upserts, removes: [] }),
    read: () => rows.list.keys.length + rows.list.rows.length,
  };
}

/** As it was: all rows in a map, sorted whole; `rows` looked up key by key. */
function sortEverything(): Ordering {
  const rows = new Map<string, Row>();
  const order = compileOrder(SHAPE.order_by, { typeOf: () => "integer", columnNames: [] });
  let keys: readonly string[] = [];
  return {
    apply(upserts) {
      for (const row of upserts) rows.set(String(row["id"]), row);
      const ranked: Ranked[] = Array.from(rows, ([key, row]) => ({ key, row }));
      keys = ranked.sort(order).map(({ key }) => key);
    },
    read: () => keys.length + keys.map((key) => rows.get(key)).length,
  };
}

interface Cost {
  readonly comparisons: number;
  readonly cpuMs: number;
}

/** Of one batch. */
function costOf(
  create: () => Ordering,
  size: number,
  batch: number,
  present: (item: Item) => Row,
): Cost {
  const random = seededRandom(size + batch);
  const price = (): number => Math.floor(random.next() * 1e9);
  const items = Array.from({ length: size }, (_, n): Item => ({
    id: `k${n}`,
    price: price(),
    size: 0,
  }));
  const ordering = create();
  ordering.apply(items.map(present));
  ordering.read();
  const batches = Array.from({ length: ROUNDS }, (_, round) => {
    const chosen = new Set<number>();
    while (chosen.size < Math.min(batch, size)) chosen.add(Math.floor(random.next() * size));
    return Array.from(chosen, (n, index) => {
      const item = items[n] as Item;
      const moved = index % 2 === 0 ? { price: price() } : {};
      items[n] = { ...item, ...moved, size: round };
      return present(items[n]);
    });
  });
  comparisons = 0;
  const began = process.cpuUsage();
  for (const upserts of batches) {
    ordering.apply(upserts);
    ordering.read();
  }
  const { user, system } = process.cpuUsage(began);
  return { comparisons: comparisons / ROUNDS, cpuMs: (user + system) / 1_000 / ROUNDS };
}

/** CPU with plain rows, comparisons with rows that count. */
function measure(create: () => Ordering, size: number, batch: number): Cost {
  const { cpuMs } = costOf(create, size, batch, (item) => item);
  const counted = (item: Item): Row => new CountedRow(item) as unknown as Row;
  return { cpuMs, comparisons: costOf(create, size, batch, counted).comparisons };
}

// Compiled before anything is measured.
for (const create of [incremental, sortEverything]) measure(create, 1_000, 1_000);

const lines: string[][] = [];
const goals: string[] = [];
for (const size of SIZES) {
  for (const batch of BATCHES.filter((rows) => rows <= size)) {
    const [now, former] = [incremental, sortEverything].map((create) =>
      measure(create, size, batch),
    ) as [Cost, Cost];
    lines.push([
      String(size),
      String(batch),
      ...[now, former].flatMap((cost) => [
        fixed(cost.comparisons / batch, 1),
        fixed((cost.cpuMs * 1_000) / batch, 1),
        fixed(cost.cpuMs, 3),
      ]),
    ]);
    goals.push(
      goal(
        `${batch} of ${size}: at most 3 · (log2 rows + 1) comparisons per changed row`,
        now.comparisons <= 3 * batch * (Math.log2(size) + 1),
      ),
    );
    if (batch === FRAME_ROWS)
      goals.push(
        goal(
          `${batch} of ${size}: at most half of a frame, ${fixed((now.cpuMs / FRAME_MS) * 100, 1)} % of it`,
          now.cpuMs <= FRAME_MS / 2,
        ),
      );
  }
}
console.log(`${await machine()}\n`);
console.log(
  table(
    [
      "rows",
      "batch",
      "comparisons/row",
      "µs/row",
      "ms/batch",
      "sorted whole: comparisons/row",
      "µs/row",
      "ms/batch",
    ],
    lines,
  ),
);
console.log(`\n${goals.join("\n")}`);
