/**
 * The file that `tidemark types` prints, on the oldest and the newest Postgres and on PGlite,
 * against a golden one that compiles.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PGlite } from "@electric-sql/pglite";
import { afterEach, describe, expect, it } from "vitest";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresVersion,
} from "../../../test/support/postgres-server.ts";
import { typesFile } from "./table-types.ts";

const golden = fileURLToPath(new URL("../../../test/golden/tables.ts", import.meta.url));
const schema = readFileSync(
  fileURLToPath(new URL("../../../test/golden/schema.sql", import.meta.url)),
  "utf8",
);
const command = 'npx tidemark types --postgres "$DATABASE_URL" > tables.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function databaseOf(name: string): Promise<string | PGlite> {
  if (name === "PGlite") {
    const pglite = await PGlite.create();
    stops.push(() => pglite.close());
    await pglite.exec(schema);
    return pglite;
  }
  const server = await startPostgres(Number(name) as PostgresVersion);
  stops.push(() => server.remove());
  await withClient(server.url, (client) => client.query(schema));
  return server.url;
}

describe.each(
  ["13", "18", "PGlite"].filter(
    (name) => name === "PGlite" || hasPostgres(Number(name) as PostgresVersion),
  ),
)("types of tables on %s", (name) => {
  it("equal the golden file, each time, and list the tables that can't be live", async () => {
    const address = await databaseOf(name);
    const { text, refused } = await typesFile(address, { command });
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, text);
    expect(text).toBe(readFileSync(golden, "utf8"));
    expect((await typesFile(address, { command })).text).toBe(text);
    expect(refused.map(({ table }) => table)).toEqual(["keyless"]);
  });

  it("can be limited to one schema, or to named tables", async () => {
    const address = await databaseOf(name);
    const { text } = await typesFile(address, { command, schema: "shop" });
    expect(text.match(/^ {2}\S+: table<\w+>/gm)).toEqual([
      '  "shop.\\"a.b\\"": table<ShopAB>',
      '  "shop.orders": table<ShopOrders>',
    ]);
    const named = await typesFile(address, { command, tables: ["shop.orders", "order_items"] });
    expect(named.text.match(/^export interface \w+/gm)).toEqual([
      "export interface ShopOrders",
      "export interface OrderItems",
    ]);
    await expect(typesFile(address, { command, tables: ["seen"] })).rejects.toMatchObject({
      code: "TABLE_REFUSED",
    });
  });
});

describe.runIf(hasPostgres(18))("types of tables on Postgres 18", () => {
  it("treat a NOT NULL that is not validated as nullable", async () => {
    const server = await startPostgres(18);
    stops.push(() => server.remove());
    await server.sql(
      "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, NULL); ALTER TABLE t ADD CONSTRAINT v_there NOT NULL v NOT VALID",
    );
    const { text } = await typesFile(server.url, { command });
    expect(text).toContain("readonly v: number | null;");
  });

  it("need no rights on the tables", async () => {
    const server = await startPostgres(18);
    stops.push(() => server.remove());
    await server.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE ROLE plain LOGIN");
    const { text } = await typesFile(server.url.replace("postgres@", "plain@"), { command });
    expect(text).toContain("t: table<T>({");
  });
});
