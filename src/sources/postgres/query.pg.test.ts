/** Queries of real databases as live tables. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { createPGlite } from "../../../test/support/pglite.ts";
import { hasPostgres, startPostgres, withClient } from "../../../test/support/postgres-server.ts";
import { silent } from "../../../test/support/silent.ts";
import { atEnd, stopAll } from "../../../test/support/trades-server.ts";
import { createClient } from "../../client/node.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { polled } from "../polled/index.ts";
import { postgresQuery, type DatabaseAddress } from "./index.ts";

let address: DatabaseAddress;
let write: (sql: string) => Promise<unknown>;
const never = new AbortController().signal;

beforeAll(async () => {
  if (hasPostgres(18)) {
    const server = await startPostgres(18);
    atEnd(() => server.remove());
    const url = await server.createDatabase("polled");
    address = url;
    write = (sql) => withClient(url, (client) => client.query(sql));
  } else {
    const pglite = await createPGlite();
    atEnd(() => pglite.close());
    address = pglite;
    write = (sql) => pglite.query(sql);
  }
  await write("CREATE TABLE trades (id int PRIMARY KEY, symbol text, quantity numeric)");
  await write(
    "INSERT INTO trades SELECT n, CASE n % 2 WHEN 0 THEN 'BTC' ELSE 'ETH' END, 1.5 FROM generate_series(1, 10) n",
  );
});
afterAll(stopAll);

it("shows the totals of the watched symbol, and follows them", async () => {
  const tidemark = createTidemark({
    sources: [
      polled({
        channel: "totals",
        key: "symbol",
        parameter: "symbol",
        every: 50,
        run: postgresQuery(
          address,
          "SELECT symbol, count(*) AS trades, sum(quantity) AS quantity FROM trades WHERE symbol = $1 GROUP BY symbol;",
        ),
      }),
    ],
    logger: silent,
  });
  atEnd(() => tidemark.stop());
  const { url } = await tidemark.listen({ port: 0 });
  const client = createClient({ url: `${url.replace("http", "ws")}/v2/stream` });
  atEnd(() => client.close());
  const view = client.live({ channel: "totals", where: { column: "symbol", eq: "BTC" } });
  atEnd(view.subscribe(() => {}));
  await expect
    .poll(() => view.getSnapshot().rows)
    .toEqual([{ symbol: "BTC", trades: 5, quantity: 7.5 }]);
  await write("INSERT INTO trades VALUES (11, 'BTC', 0.25)");
  await expect
    .poll(() => view.getSnapshot().rows)
    .toEqual([{ symbol: "BTC", trades: 6, quantity: 7.75 }]);
  const { sources } = tidemark.stats() as { sources: Record<string, unknown> };
  expect(sources["polled:totals"]).toMatchObject({
    queries: [{ parameters: { symbol: "BTC" }, watchers: 1, rows: 1, failures: 0 }],
  });
});

it("keeps every digit, and what JSON has no number for", async () => {
  const run = postgresQuery(
    address,
    `SELECT 1 AS id, 9007199254740993 AS big, 9007199254740991 AS safe, 0.1234567890123456789 AS exact,
       1.50 AS short, 'NaN'::float8 AS nan, 1e300::float8 AS large, '12345678901234567890' AS text, NULL AS none`,
  );
  atEnd(() => run.close?.());
  expect(await run({}, never)).toEqual([
    {
      id: 1,
      big: "9007199254740993",
      safe: 9_007_199_254_740_991,
      exact: "0.1234567890123456789",
      short: 1.5,
      nan: "NaN",
      large: 1e300,
      text: "12345678901234567890",
      none: null,
    },
  ]);
});

it("only reads, ends at its time limit, and goes on after an error", async () => {
  const writing = postgresQuery(address, "SELECT lo_create(0) AS id");
  await expect(writing({}, never)).rejects.toThrow("read-only transaction");
  const slow = postgresQuery(address, "SELECT 1 AS id, pg_sleep(10)", { timeoutMs: 20 });
  if (hasPostgres(18)) {
    await expect(slow({}, never)).rejects.toThrow("statement timeout");
    const abort = new AbortController();
    const aborted = postgresQuery(address, "SELECT 1 AS id, pg_sleep(10)")({}, abort.signal);
    abort.abort(new Error("nobody waits"));
    await expect(aborted).rejects.toThrow("nobody waits");
  }
  const good = postgresQuery(address, "SELECT count(*) AS id FROM trades");
  atEnd(() => good.close?.());
  expect(await good({}, never)).toEqual([{ id: 11 }]);
  expect(() => postgresQuery(undefined as never, "SELECT 1")).toThrow("environment variable");
});
