/**
 * A page of 100 rows out of 10 million: milliseconds at p50 and p99 for several queries, from a
 * history store with one channel whose rows have keys of their own, and one in which 1,000 keys are
 * written again and again. Beside it what one would write by hand over the same table: LIMIT with
 * OFFSET, which also counts versions that are not the newest.
 * `-- history-pages [duckdb|clickhouse] [rows]`; ClickHouse is its engine, and is filled each time.
 */
import { DuckDBInstance } from "@duckdb/node-api";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startClickHouse } from "../test/support/clickhouse-server.ts";
import { clickhouse } from "../src/history/clickhouse/index.ts";
import { duckdb } from "../src/history/duckdb/index.ts";
import type { HistoryStore, PagePlace, PageQuery } from "../src/history/history.ts";
import type { Row } from "../src/protocol/row.ts";
import { COMMIT_ROWS, fill, QUOTES, TRADES } from "./support/history-rows.ts";
import { fixed, machine, percentile, table } from "./support/report.ts";

const args = process.argv.slice(2);
const isClickHouse = args.includes("clickhouse");
const ROWS = Number(args.find((arg) => /^\d+$/.test(arg)) ?? 10_000_000);
const PAGE = 100;
/** Pages of each query; the reader scrolls on with each. */
const PAGES = 20;

type Shape = Pick<PageQuery, "where" | "orderBy"> & { readonly back?: number };

const by = (column: string, direction: "asc" | "desc" = "desc"): PageQuery["orderBy"] => [
  { column, direction, nulls: direction === "asc" ? "last" : "first" },
];

const QUERIES: readonly (readonly [name: string, shape: Shape, sql: string])[] = [
  ["newest by time", { where: undefined, orderBy: by("at") }, `ORDER BY "at" DESC`],
  [
    "one symbol by time",
    { where: { column: "symbol", eq: "SYM7USDT" }, orderBy: by("at") },
    `WHERE symbol = 'SYM7USDT' ORDER BY "at" DESC`,
  ],
  [
    "price range by time",
    { where: { column: "price", between: ["500", "510"] }, orderBy: by("at") },
    `WHERE price BETWEEN 500 AND 510 ORDER BY "at" DESC`,
  ],
  ["highest prices", { where: undefined, orderBy: by("price") }, "ORDER BY price DESC"],
  [
    "regex by time",
    { where: { column: "symbol", regex: "^SYM1\\d" }, orderBy: by("at") },
    `WHERE regexp_matches(symbol, '^SYM1\\d') ORDER BY "at" DESC`,
  ],
  ["as of the middle", { where: undefined, orderBy: by("at"), back: 0.5 }, `ORDER BY "at" DESC`],
];

async function pagesOf(
  store: HistoryStore,
  query: Omit<PageQuery, "after">,
): Promise<readonly number[]> {
  const times: number[] = [];
  let after: PagePlace | undefined;
  for (let page = 0; page < PAGES; page++) {
    const begunMs = performance.now();
    const { rows, isLast } = await store.page({ ...query, ...(after && { after }) });
    times.push(performance.now() - begunMs);
    const last = rows.at(-1);
    if (isLast || last === undefined) break;
    after = { key: last.key, row: JSON.parse(last.json) as Row };
  }
  return times;
}

const folder = join(tmpdir(), "tidemark-bench-history");
mkdirSync(folder, { recursive: true });
const file = join(folder, `pages-${ROWS}.duckdb`);
const isThere = !isClickHouse && existsSync(file);
const server = isClickHouse ? await startClickHouse() : undefined;
const store = server === undefined ? duckdb(file) : clickhouse(server.url);
let { seq } = await store.open();
console.log(`${await machine()}; ${ROWS} rows per channel`);
if (!isThere) {
  const begunMs = performance.now();
  for (const channel of [TRADES, QUOTES])
    seq = await fill(store, channel, { rows: ROWS, after: seq });
  const seconds = (performance.now() - begunMs) / 1_000;
  console.log(`written in ${fixed(seconds, 0)} s, ${fixed((2 * ROWS) / seconds, 0)} rows/s`);
}
if (!isClickHouse) console.log(`file: ${fixed(statSync(file).size / 2 ** 20, 0)} MiB`);

/** The trades were written first. */
const tradesEnd = Math.ceil(ROWS / COMMIT_ROWS);
const lines: string[][] = [];
for (const channel of [TRADES, QUOTES]) {
  for (const [name, { back = 1, ...shape }] of QUERIES) {
    const [from, to] = channel === TRADES ? [0, tradesEnd] : [tradesEnd, seq];
    const asOf = from + Math.floor((to - from) * back);
    const times = await pagesOf(store, { channel, ...shape, limit: PAGE, asOf });
    const figures = [percentile(times, 0.5), percentile(times, 0.99)].map((ms) => fixed(ms, 1));
    lines.push([channel.name, name, ...figures, String(times.length)]);
  }
}
console.log(table(["channel", "query", "p50 ms", "p99 ms", "pages"], lines));
await store.close();
await server?.remove();

if (!isClickHouse) await printByHand();

async function printByHand(): Promise<void> {
  const instance = await DuckDBInstance.create(file, { memory_limit: "512MB", threads: "2" });
  const connection = await instance.connect();
  const byHand: string[][] = [];
  for (const [name, , sql] of QUERIES) {
    const times: number[] = [];
    for (let page = 0; page < PAGES; page++) {
      const begunMs = performance.now();
      await connection
        .run(`SELECT _key, _row FROM trades ${sql} LIMIT ${PAGE} OFFSET ${page * PAGE}`)
        .then((result) => result.getRowsJS());
      times.push(performance.now() - begunMs);
    }
    byHand.push([name, fixed(percentile(times, 0.5), 1), fixed(percentile(times, 0.99), 1)]);
  }
  console.log(table(["trades, LIMIT and OFFSET by hand", "p50 ms", "p99 ms"], byHand));
  connection.closeSync();
  instance.closeSync();
}
