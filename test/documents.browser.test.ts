/**
 * The code of all documents, as it is written: it compiles in a project with the packed package,
 * its programs run on a Postgres, and its pages, served by Vite on another port, show in Chromium
 * what the documents say.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { join } from "node:path";
import react from "@vitejs/plugin-react";
import type { Browser, Page } from "playwright-core";
import { createServer, type ViteDevServer } from "vite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { asCode } from "../explorer/as-code.ts";
import type { Query } from "../src/client/index.ts";
import { createClient } from "../src/client/node.ts";
import { createTidemark } from "../src/index.ts";
import { documentProject, type DocumentProject } from "./support/document-project.ts";
import { redisPath, startRedis, type RedisServer } from "./support/redis-server.ts";
import { freePort } from "./support/free-port.ts";
import { launchChromium } from "./support/launch-chromium.ts";
import { startPostgres, withClient, type PostgresServer } from "./support/postgres-server.ts";
import { silent } from "./support/silent.ts";
import { documents, root, snippetsOf } from "./support/snippets.ts";
import { createTlsKeys, hasOpenssl, type TlsKeys } from "./support/tls-keys.ts";

/** Views as the explorer copies them. */
const VIEWS: readonly Query[] = [
  { channel: "orders" },
  {
    channel: "public.order lines",
    where: {
      and: [
        { column: "total", gt: "10.50" },
        {
          or: [{ column: "paid at", isNull: true }, { not: { column: "status", in: ["sent", 3] } }],
        },
      ],
    },
    orderBy: [{ column: "id", direction: "desc" }, { column: "line" }],
    columns: ["id", "line", "total"],
    limit: 100,
  },
];

const TABLES = {
  shop: `CREATE TABLE orders (id bigint PRIMARY KEY, total numeric(10,2) NOT NULL, note text);
         INSERT INTO orders VALUES (17, 9.5, 'first')`,
  reviews: `CREATE TABLE reviews (id text PRIMARY KEY, status text NOT NULL, is_flagged boolean NOT NULL);
            INSERT INTO reviews SELECT n, 'pending', false FROM generate_series(1, 3) n`,
};

let keys: TlsKeys | undefined;
let database: PostgresServer;
let redis: RedisServer | undefined;
let project: DocumentProject;
let browser: Browser;
let vite: ViteDevServer;
/** Run after each test, and after all tests, last one first. */
const stops: (() => unknown)[] = [];
const lastStops: (() => unknown)[] = [];
const stopAll = async (list: (() => unknown)[]): Promise<void> => {
  for (const stop of list.splice(0).reverse()) await stop();
};

/** The documents' role and databases. A connection with TLS needs the token as its password. */
async function startDatabase(): Promise<PostgresServer> {
  keys = hasOpenssl() ? createTlsKeys() : undefined;
  lastStops.push(() => keys?.remove());
  const server = await startPostgres(18, {
    ...(keys !== undefined && {
      ssl: "on",
      ssl_cert_file: keys.certificateFile,
      ssl_key_file: keys.keyFile,
      hba_file: keys.file("pg_hba.conf", [
        "hostssl all tidemark 127.0.0.1/32 scram-sha-256",
        "host all all 127.0.0.1/32 trust",
      ]),
    }),
  });
  lastStops.push(() => server.remove());
  await server.sql("CREATE ROLE tidemark LOGIN PASSWORD 'token'");
  for (const [name, tables] of Object.entries(TABLES)) {
    await server.sql(`CREATE DATABASE ${name} OWNER tidemark`);
    await withClient(addressOf(server, name), (client) => client.query(tables));
  }
  return server;
}

/** The store of the document about Redis: one row. Returns its address. */
async function startStore(): Promise<string> {
  const store = createHttpServer((_request, response) =>
    response.end(JSON.stringify([{ symbol: "A1", bid: 2.5 }])),
  );
  const port = await freePort();
  await new Promise<void>((resolve) => store.listen(port, "127.0.0.1", resolve));
  lastStops.push(() => store.close());
  return `http://127.0.0.1:${port}`;
}

const addressOf = ({ port }: PostgresServer, name: string): string =>
  `postgres://tidemark@127.0.0.1:${port}/${name}`;

beforeAll(async () => {
  browser = await launchChromium();
  lastStops.push(() => browser.close());
  database = await startDatabase();
  if (redisPath !== undefined) redis = await startRedis();
  lastStops.push(() => redis?.remove());
  project = await documentProject({
    // The addresses of the documents name no port.
    PGPORT: String(database.port),
    DATABASE_TOKEN: "token",
    DATABASE_URL: addressOf(database, "shop"),
    ...(redis !== undefined && { REDIS_URL: redis.url, STORE_URL: `${await startStore()}/quotes` }),
  });
  lastStops.push(() => project.close());
  vite = await createServer({
    root: project.folder,
    configFile: false,
    logLevel: "silent",
    plugins: [react()],
    server: {
      port: 0,
      host: "127.0.0.1",
      fs: { allow: [root] },
      proxy: { "/api": `http://localhost:${project.portsOf("docs/writes.md").second}` },
    },
  });
  lastStops.push(() => vite.close());
  await vite.listen();
});
afterEach(() => stopAll(stops));
afterAll(() => stopAll(lastStops));

const origin = (): string => new URL(vite.resolvedUrls?.local[0] ?? "").origin;

async function open(
  document: string,
): Promise<{ readonly page: Page; readonly said: readonly string[] }> {
  const page = await browser.newPage();
  stops.push(() => page.close());
  const said: string[] = [];
  page.on("console", (message) => {
    if (!/^\[vite\]|React DevTools/.test(message.text())) said.push(message.text());
  });
  page.on("pageerror", (error) => said.push(String(error)));
  await page.goto(`${origin()}/${document.replace(/\.md$/, "")}/index.html`);
  return { page, said };
}

/** Without space, the formatter's commas and the comment at the top. */
const plain = (code: string): string =>
  code.replaceAll(/^\/\/.*$/gm, "").replaceAll(/\s+|,(?=\s*[})\]])/g, "");

const textOf =
  (page: Page, part = "body") =>
  (): Promise<string> =>
    page.innerText(part);

it("is run: by tests below, or by dialects.real.test.ts and recipes.real.test.ts", () => {
  const withCode = documents().filter((document) => snippetsOf(document).size > 0);
  expect(withCode.toSorted()).toEqual([
    "README.md",
    "docs/binance.md",
    "docs/derived.md",
    "docs/dialects.md",
    "docs/ethereum.md",
    "docs/history.md",
    "docs/ingest.md",
    "docs/polled.md",
    "docs/postgres.md",
    "docs/react.md",
    "docs/recipes.md",
    "docs/redis.md",
    "docs/writes.md",
  ]);
});

it("compiles in strict mode, and so does what the explorer copies", () => {
  expect(project.fileCount).toBeGreaterThan(10);
  for (const [index, view] of VIEWS.entries())
    writeFileSync(join(project.folder, `view-${index}.ts`), asCode(view));
  project.checkTypes();
});

describe("README.md", () => {
  const document = "README.md";

  it("shows its rows on a page of another port, and says why when they can't come", async () => {
    const server = await project.serve(document, "server.ts");
    const first = await open(document);
    await expect.poll(textOf(first.page), { timeout: 30_000 }).toContain("64000");
    expect(await textOf(first.page)()).toMatch(/live/);
    expect(first.page.workers()).toHaveLength(1);
    expect(first.said).toEqual([]);
    await first.page.close();
    const tail = project.command(
      document,
      `npx tidemark tail ws://localhost:8080/v2/stream trades --where '{"column": "symbol", "eq": "BTC"}'`,
    );
    await tail.says('+ {"id":"t1","symbol":"BTC","price":64000}');
    await tail.stop();

    // The same page, when people have to sign in, so that origins must be named.
    await server.stop();
    const strict = createTidemark({ authenticate: () => ({ id: "ana" }), logger: silent });
    stops.push(() => strict.stop());
    await strict.listen({ port: project.portsOf(document).first });
    const second = await open(document);
    await expect
      .poll(() => second.said.join("\n"), { timeout: 30_000 })
      .toContain(`FORBIDDEN_ORIGIN: Pages from ${origin()} may not connect. Allow them with`);
    await expect.poll(textOf(second.page)).toContain(`Pages from ${origin()} may not connect`);
    // There is no time that the rows are as of.
    expect(await second.page.content()).not.toMatch(/as of|12:00/);
  });

  it("prints the types of its tables, serves them, and has a mutation that another page shows", async () => {
    const types = project.command(document, 'npx tidemark types --postgres "$DATABASE_URL"');
    expect(await types.ended).toBe(0);
    expect(plain(types.output())).toContain(plain(snippetsOf(document).get("tables.ts") ?? ""));

    await Promise.all(["shop.ts", "orders.ts"].map((file) => project.serve(document, file)));
    const page = project.start(document, "shop-page.ts");
    await page.says("note: 'first'");
    project.start(document, "orders-page.ts");
    await page.says("note: 'deliver on Monday'");
  });
});

it("docs/react.md: both pages of hooks show the rows and write", async () => {
  await project.serve("docs/react.md", "server.ts");
  const { page, said } = await open("docs/react.md");
  await expect.poll(textOf(page, "main"), { timeout: 30_000 }).toContain("64000");
  await expect.poll(textOf(page, "main")).toContain("live");
  await expect.poll(textOf(page, "aside"), { timeout: 10_000 }).toContain("64000");
  await page.click("main button");
  await expect.poll(textOf(page, "aside")).toContain("64001");
  await page.click("aside button");
  await expect.poll(textOf(page, "main")).toContain("64002");
  expect(said).toEqual([]);
});

it("docs/binance.md: the server serves its tables, with and without a way to Binance", async () => {
  await project.serve("docs/binance.md", "server.ts");
  await project.start("docs/binance.md", "page.ts").says("[");
});

it("docs/ethereum.md: the server serves its tables, also without a way to the node", async () => {
  await project.serve("docs/ethereum.md", "server.ts");
  await project.start("docs/ethereum.md", "page.ts").says("[");
});

it("docs/polled.md: a query runs while it is watched: a function, a thread, DuckDB, Postgres", async () => {
  const document = "docs/polled.md";
  const { first, second } = project.portsOf(document);
  const rowsOf = (port: number, query: Query): (() => readonly object[]) => {
    const client = createClient({ url: `ws://localhost:${port}/v2/stream` });
    stops.push(() => client.close());
    const view = client.live(query);
    stops.push(view.subscribe(() => {}));
    return () => view.getSnapshot().rows;
  };
  const wait = { timeout: 20_000 };
  const levels = await project.serve(document, "server.ts");
  await project.start(document, "page.ts").says("symbol: 'BTCUSDT', price: 3");
  await levels.stop();

  const primes = await project.serve(document, "primes-server.ts");
  const found = rowsOf(first, { channel: "primes" });
  await expect.poll(() => found().length, wait).toBe(1_000);
  await primes.stop();

  await project.serve(document, "volumes-server.ts");
  const where = { column: "symbol", eq: "BTCUSDT" };
  await expect
    .poll(rowsOf(first, { channel: "volumes", where }), wait)
    .toEqual([{ symbol: "BTCUSDT", quantity: 2.5 }]);

  await project.serve(document, "orders-totals.ts");
  await expect
    .poll(rowsOf(second, { channel: "totals" }), wait)
    .toMatchObject([{ day: "today", orders: expect.any(Number) }]);
});

it("docs/derived.md: candles, and the top movers with their names", async () => {
  const document = "docs/derived.md";
  await project.serve(document, "server.ts");
  for (const [table, text] of [
    ["candles", '"volume":"0.3"'],
    ["topMovers", '"name":"Bitcoin"'],
  ] as const) {
    const tail = project.command(
      document,
      `npx tidemark tail ws://localhost:8080/v2/stream ${table}`,
    );
    await tail.says(text);
    await tail.stop();
  }
});

it("docs/history.md: a Postgres table keeps its versions", async () => {
  await project.serve("docs/history.md", "orders.ts");
  const { second } = project.portsOf("docs/history.md");
  const answer = await fetch(`http://localhost:${second}/v2/history?channel=orders`);
  expect(await answer.json()).toMatchObject({ rows: [{ id: "17" }], next: null });
});

it("docs/history.md: the page scrolls into the store and stands still, and a program asks for then", async () => {
  const document = "docs/history.md";
  const server = await project.serve(document, "server.ts");
  await server.says("stored");
  const { page, said } = await open(document);
  await expect.poll(textOf(page), { timeout: 30_000 }).toContain("150 trades, down to t0201");
  await page.click("text=Older");
  await expect.poll(textOf(page)).toContain("250 trades, down to t0001");
  expect(await page.isDisabled("text=Older")).toBe(true);
  await page.click("text=Pause");
  await expect.poll(textOf(page)).toContain("Go on");
  await page.click("text=Go on");
  await expect.poll(textOf(page)).toContain("150 trades, down to t0201");
  const then = project.start(document, "then.ts");
  await then.says("300 and 200 rows as of");
  await then.says("0 rows a day ago");
  await project.start(document, "past.ts").says("t0500");
  expect(said).toEqual([]);
  // A crash: what was durable is there again.
  await server.stop();
  await project.serve(document, "server.ts");
  await expect.poll(textOf(page), { timeout: 30_000 }).toContain("150 trades, down to t0201");
});

it("docs/writes.md: the mutation, the endpoint and the collection write what the page shows", async () => {
  await project.serve("docs/writes.md", "endpoint.ts");
  const { page, said } = await open("docs/writes.md");
  await expect.poll(textOf(page), { timeout: 30_000 }).toContain("1 is pending");
  await page.click("li:nth-child(1) button:nth-of-type(1)");
  await expect.poll(textOf(page)).toContain("1 is accepted");
  await page.click("li:nth-child(1) button:nth-of-type(2)");
  await expect.poll(textOf(page)).toContain("1 is accepted and flagged");
  await expect.poll(textOf(page)).toContain("Pending: 2, 3");
  await page.click("text=Reject 3");
  await expect.poll(textOf(page)).toMatch(/Pending: 2\s*Reject/);
  await expect.poll(textOf(page)).toContain("3 is rejected");
  await page.click("aside button");
  await expect
    .poll(() => page.getAttribute("aside button", "title"))
    .toBe("This review does not exist any more.");
  const rows = await withClient(addressOf(database, "reviews"), (client) =>
    client.query("SELECT id || status || is_flagged AS row FROM reviews ORDER BY id"),
  );
  expect(rows.rows.map(({ row }) => String(row))).toEqual([
    "1acceptedtrue",
    "2pendingfalse",
    "3rejectedfalse",
  ]);
  expect(said).toEqual([]);
});

it("docs/ingest.md: curl writes rows, and repeats them without effect", async () => {
  const document = "docs/ingest.md";
  const [, curl = ""] =
    /```sh\n([\s\S]*?)```/.exec(readFileSync(join(root, document), "utf8")) ?? [];
  await project.serve(document, "server.ts");
  const answers = [];
  for (let time = 0; time < 2; time++) {
    const producer = project.command(document, curl);
    await producer.says('"durable":false}');
    expect(await producer.ended).toBe(0);
    answers.push(/\{"epoch".*/.exec(producer.output())?.[0]);
  }
  expect(JSON.parse(answers[0] ?? "")).toMatchObject({ seq: 2, rows: 2, durable: false });
  expect(answers[1]).toBe(answers[0]);
  const { first } = project.portsOf(document);
  const rows = await fetch(`http://localhost:${first}/v2/snapshot?channels=readings`, {
    headers: { authorization: "Bearer viewer-token" },
  });
  expect(await rows.text()).toContain('"sensor":"oven-2","celsius":179,');
});

describe("docs/postgres.md", () => {
  const document = "docs/postgres.md";

  it("serves the tables, and a page shows their rows", async () => {
    await project.serve(document, "server.ts");
    await project.start(document, "page.ts").says("id: '17'");
  });

  it.runIf(hasOpenssl())(
    "reads the database with a token over TLS, and with a Pool's options",
    async () => {
      writeFileSync(join(project.folderOf(document), "ca.pem"), keys?.certificate ?? "");
      writeFileSync(
        join(project.folderOf(document), "use-address.ts"),
        `import { createTidemark } from "tidemark";
       import { database, sameDatabase } from "./address.ts";
       for (const source of [database, sameDatabase]) {
         const tidemark = createTidemark({ sources: [source] });
         await tidemark.start();
         await tidemark.stop();
       }
       console.log("both have started");
       process.exit();`,
      );
      await project.start(document, "use-address.ts").says("both have started");
    },
  );
});

describe.skipIf(redisPath === undefined)("docs/redis.md", () => {
  const document = "docs/redis.md";
  const rowsOf = async (channel: string): Promise<readonly object[]> => {
    const { first } = project.portsOf(document);
    const answer = await fetch(`http://localhost:${first}/v2/snapshot?channels=${channel}`);
    const body = (await answer.json()) as {
      readonly channels?: Readonly<Record<string, { readonly rows: readonly object[] }>>;
    };
    return body.channels?.[channel]?.rows ?? [];
  };

  it("takes rows from a stream, and from pub/sub with what the store has", async () => {
    const client = (redis as RedisServer).client();
    const ticks = { type: "table_rows", table: "ticks", columns: ["symbol"], rows: [["A1"]] };
    await client.xadd("ticks", "*", "data", JSON.stringify(ticks));
    const stream = await project.serve(document, "stream.ts");
    await expect
      .poll(() => rowsOf("ticks"))
      .toEqual([{ _id: expect.stringMatching(/^\d+-0-0$/), symbol: "A1" }]);
    await stream.stop();
    await project.serve(document, "pubsub.ts");
    await client.publish("dashboard", JSON.stringify(ticks));
    await expect.poll(() => rowsOf("quotes")).toEqual([{ bid: 2.5, symbol: "A1" }]);
    await expect.poll(async () => (await rowsOf("ticks")).length).toBe(1);
  });
});
