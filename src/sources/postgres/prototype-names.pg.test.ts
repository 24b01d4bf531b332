/** Columns, keys, values and tables that are named like members of every object. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresServer,
} from "../../../test/support/postgres-server.ts";
import { serve, textOf, type Served } from "../../../test/support/served-database.ts";
import { silent } from "../../../test/support/silent.ts";
import { createClient } from "../../client/node.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { postgres } from "./index.ts";

describe.skipIf(!hasPostgres(18))("names from the prototype", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(18);
  });
  afterAll(() => server.remove());

  it.each([
    [
      "a plain column",
      'CREATE TABLE p (id int PRIMARY KEY, "__proto__" text, v int)',
      `INSERT INTO p VALUES (1, 'a', 0)`,
      `UPDATE p SET "__proto__" = 'b', v = 1`,
    ],
    [
      "a plain json column",
      'CREATE TABLE p (id int PRIMARY KEY, "__proto__" jsonb, v int)',
      `INSERT INTO p VALUES (1, '{"x":1}', 0)`,
      `UPDATE p SET "__proto__" = '{"x":2}', v = 1`,
    ],
    [
      "the key",
      'CREATE TABLE p ("__proto__" text PRIMARY KEY, v int)',
      "INSERT INTO p VALUES ('a', 0)",
      "UPDATE p SET v = 1",
    ],
    [
      "a part of the key",
      'CREATE TABLE p ("__proto__" int, "constructor" int, v int, PRIMARY KEY ("__proto__", "constructor"))',
      "INSERT INTO p VALUES (1, 2, 0)",
      "UPDATE p SET v = 1",
    ],
    [
      "a key's value",
      "CREATE TABLE p (id text PRIMARY KEY, v int)",
      "INSERT INTO p VALUES ('__proto__', 0), ('constructor', 0)",
      "UPDATE p SET v = 1",
    ],
  ])("carries __proto__ as %s", async (name, schema, insert, update) => {
    const url = await server.createDatabase(`proto_${name.replaceAll(/\W/g, "_")}`);
    const run = (text: string) => withClient(url, async (client) => client.query(text));
    await run(`${schema}; ${insert}`);
    let served: Served | undefined;
    try {
      served = await serve(url);
      const view = served.view("p");
      const want = async () =>
        (await run("SELECT to_jsonb(p)::text AS row FROM p ORDER BY 1")).rows
          .map(({ row }) => textOf([JSON.parse(row)]))
          .toSorted();
      const have = () =>
        view
          .getSnapshot()
          .rows.map((row) => textOf([row]))
          .toSorted();
      await expect.poll(have).toEqual(await want());
      await run(update);
      const after = await want();
      await expect.poll(have).toEqual(after);
      const narrow = served.view("p");
      await expect.poll(() => narrow.getSnapshot().rows.length).toBe(after.length);
    } finally {
      await served?.stop();
    }
  });

  it("answers queries that name __proto__, and serves tables of such names", async () => {
    const url = await server.createDatabase("proto_queries");
    const run = (text: string) => withClient(url, async (client) => client.query(text));
    await run(
      'CREATE TABLE p (id int PRIMARY KEY, "__proto__" text, v int); INSERT INTO p SELECT n, chr(96 + n), n FROM generate_series(1, 5) n; CREATE TABLE "__proto__" (id int PRIMARY KEY, v int); INSERT INTO "__proto__" VALUES (1, 1); CREATE TABLE "constructor" (id int PRIMARY KEY, v int); INSERT INTO "constructor" VALUES (1, 1)',
    );
    const tidemark = createTidemark({ sources: [postgres(url)], logger: silent });
    const { url: at } = await tidemark.listen({ port: 0 });
    const client = createClient({ url: `${at}/v2/stream` });
    try {
      const open = (query: Parameters<typeof client.live>[0]) => {
        const live = client.live(query);
        live.subscribe(() => {});
        return live;
      };
      const views = {
        columns: open({ channel: "p", columns: ["__proto__"] }),
        where: open({ channel: "p", where: { column: "__proto__", gte: "d" } } as never),
        ordered: open({
          channel: "p",
          orderBy: [{ column: "__proto__", direction: "desc" }],
          limit: 2,
        } as never),
        table: open({ channel: "__proto__" }),
        table2: open({ channel: "constructor" }),
      };
      for (const live of Object.values(views))
        await expect.poll(() => live.getSnapshot().status).toBe("live");
      await run(
        'UPDATE p SET "__proto__" = upper("__proto__") WHERE id > 3; UPDATE "__proto__" SET v = 2; UPDATE "constructor" SET v = 2',
      );
      const entries = (live: ReturnType<typeof open>) => () =>
        live.getSnapshot().rows.map((row) => Object.entries(row));
      await expect.poll(entries(views.columns)).toContainEqual([
        ["id", 5],
        ["__proto__", "E"],
      ]);
      await expect.poll(entries(views.where)).toEqual([]);
      await expect.poll(entries(views.ordered)).toEqual([
        [
          ["id", 3],
          ["__proto__", "c"],
          ["v", 3],
        ],
        [
          ["id", 2],
          ["__proto__", "b"],
          ["v", 2],
        ],
      ]);
      await expect.poll(() => views.table.getSnapshot().rows).toEqual([{ id: 1, v: 2 }]);
      await expect.poll(() => views.table2.getSnapshot().rows).toEqual([{ id: 1, v: 2 }]);
    } finally {
      client.close();
      await tidemark.stop();
    }
  });
});
