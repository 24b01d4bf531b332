/** The source on the oldest and the newest supported Postgres, and on PGlite: types, keys, triggers. */
import type { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPGlite } from "../../../test/support/pglite.ts";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresServer,
  type PostgresVersion,
} from "../../../test/support/postgres-server.ts";
import { silent } from "../../../test/support/silent.ts";
import { sourceServers } from "../../../test/support/source-servers.ts";
import type { LiveView, ViewSnapshot } from "../../client/node.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { databaseOf } from "./database-address.ts";
import { postgres } from "./index.ts";
import { uninstall } from "./install.ts";

interface Database {
  readonly address: string | PGlite;
  sql(text: string): Promise<unknown>;
  remove(): Promise<void>;
}

const { serve, atEnd } = sourceServers();

const rowsOf =
  (view: LiveView): (() => ViewSnapshot["rows"]) =>
  () =>
    view.getSnapshot().rows;

const SERVERS = ["13", "18", "PGlite"] as const;

describe.each(
  SERVERS.filter((name) => name === "PGlite" || hasPostgres(Number(name) as PostgresVersion)),
)("the postgres source on %s", (name) => {
  let database: Database;
  let server: PostgresServer | undefined;
  let count = 0;

  beforeAll(async () => {
    if (name !== "PGlite")
      server = await startPostgres(Number(name) as PostgresVersion, {
        max_prepared_transactions: "4",
      });
  });
  afterAll(() => server?.remove());

  const fresh = async (schema: string): Promise<Database> => {
    if (server === undefined) {
      const pglite = await createPGlite();
      database = {
        address: pglite,
        sql: (text) => pglite.exec(text),
        remove: () => pglite.close(),
      };
    } else {
      const address = await server.createDatabase(`test_${++count}`);
      database = {
        address,
        sql: (text) => withClient(address, (client) => client.query(text)),
        remove: async () => {},
      };
    }
    atEnd(() => database.remove());
    await database.sql(schema);
    return database;
  };

  it("keeps values of every type exact, at the copy and in the stream", async () => {
    const { address, sql } = await fresh(`
      CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS numeric CHECK (value > 0);
      CREATE TABLE kinds (id bigint PRIMARY KEY, small int2, big bigint, n numeric, d positive, f float8, t text, b boolean, at timestamptz,
        local timestamp, day date, span interval, bytes bytea, j jsonb, ints int[], bigs bigint[], m mood, u uuid, cash money, made text GENERATED ALWAYS AS ('x' || t) STORED);`);
    const insert = (id: string): string =>
      `INSERT INTO kinds VALUES (${id}, 7, 9007199254740993, 1.50, 0.10, 'NaN', 'é"\\', true, '2026-01-31 12:00:00.123456+02', '2026-01-31 12:00', '2026-01-31', '1 day 02:00', '\\xdeadbeef', '{"a":[1,null]}', '{1,2}', '{9007199254740993}', 'ok', '00000000-0000-0000-0000-000000000001', '-1234567.5')`;
    await sql(insert("9007199254740993"));
    const { view } = await serve(address);
    const kinds = view("kinds");
    const expected = (id: string) => ({
      id,
      small: 7,
      big: "9007199254740993",
      n: "1.50",
      d: "0.10",
      f: "NaN",
      t: 'é"\\',
      b: true,
      at: "2026-01-31T10:00:00.123456+00:00",
      local: "2026-01-31T12:00:00",
      day: "2026-01-31",
      span: "1 day 02:00:00",
      bytes: "\\xdeadbeef",
      j: { a: [1, null] },
      ints: [1, 2],
      bigs: ["9007199254740993"],
      m: "ok",
      u: "00000000-0000-0000-0000-000000000001",
      cash: "-1234567.50",
      made: 'xé"\\',
    });
    await expect.poll(rowsOf(kinds)).toEqual([expected("9007199254740993")]);
    await sql(insert("2"));
    await expect.poll(rowsOf(kinds)).toEqual([expected("9007199254740993"), expected("2")]);
    expect(kinds.getSnapshot().columns).toContainEqual({ name: "cash", type: "numeric" });
  });

  it("follows composite keys, key changes, swaps, odd names, TRUNCATE and wide rows", async () => {
    const { address, sql } = await fresh(`
      CREATE TABLE "Mixed ""Case$1" ("The Key" int, "b\\c" text, "$$v" text, PRIMARY KEY ("The Key", "b\\c"));
      CREATE TABLE n (k numeric PRIMARY KEY, v text);
      INSERT INTO "Mixed ""Case$1" VALUES (1, 'a', 'one'), (2, 'b', 'two'); INSERT INTO n VALUES (1.0, 'x')`);
    const { view } = await serve(address);
    const mixed = view('Mixed "Case$1');
    const numbers = view("n");
    const values = (live: LiveView, column: string) => () =>
      live
        .getSnapshot()
        .keys.map((key) => `${key}:${String(live.row(key)?.[column]).slice(0, 12)}`)
        .toSorted();
    await expect.poll(values(mixed, "$$v")).toEqual(['["1","a"]:one', '["2","b"]:two']);
    await sql(
      `UPDATE "Mixed ""Case$1" SET "The Key" = 9 WHERE "The Key" = 1; UPDATE n SET k = 1.00`,
    );
    await expect.poll(values(mixed, "$$v")).toEqual(['["2","b"]:two', '["9","a"]:one']);
    await expect.poll(values(numbers, "v")).toEqual(["1.00:x"]);
    await sql(
      `BEGIN; UPDATE "Mixed ""Case$1" SET "The Key" = 0 WHERE "The Key" = 2; UPDATE "Mixed ""Case$1" SET "The Key" = 2, "b\\c" = 'b' WHERE "The Key" = 9; UPDATE "Mixed ""Case$1" SET "The Key" = 9, "b\\c" = 'a' WHERE "The Key" = 0; COMMIT`,
    );
    await expect.poll(values(mixed, "$$v")).toEqual(['["2","b"]:one', '["9","a"]:two']);
    await sql(`UPDATE "Mixed ""Case$1" SET "$$v" = repeat('wide ', 40000) WHERE "The Key" = 2`);
    await expect.poll(() => String(mixed.row('["2","b"]')?.["$$v"]).length).toBe(200_000);
    await sql(`TRUNCATE "Mixed ""Case$1"; INSERT INTO "Mixed ""Case$1" VALUES (5, 'z', 'after')`);
    await expect.poll(values(mixed, "$$v")).toEqual(['["5","z"]:after']);
  });

  it("has the last value when other triggers write the same rows again, cascades included", async () => {
    const { address, sql } = await fresh(`
      CREATE TABLE a (id int PRIMARY KEY, v int, touched int DEFAULT 0);
      CREATE TABLE child (id int PRIMARY KEY, a_id int REFERENCES a ON DELETE CASCADE ON UPDATE CASCADE);
      CREATE FUNCTION again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.touched = OLD.touched THEN UPDATE a SET touched = touched + 1; END IF; RETURN NULL; END $$;
      CREATE TRIGGER aaa AFTER UPDATE ON a FOR EACH ROW EXECUTE FUNCTION again();
      INSERT INTO a SELECT n, 0 FROM generate_series(1, 20) n; INSERT INTO child SELECT n, n FROM generate_series(1, 20) n`);
    const { view } = await serve(address);
    const a = view("a");
    const child = view("child");
    await expect.poll(() => a.getSnapshot().keys.length).toBe(20);
    await sql(
      "UPDATE a SET v = id; DELETE FROM a WHERE id > 15; UPDATE a SET id = id + 100 WHERE id < 4",
    );
    const truth = async () =>
      JSON.stringify(
        ((await read(database, "SELECT id, v, touched FROM a ORDER BY id")) as unknown[]) ?? [],
      );
    await expect
      .poll(async () =>
        JSON.stringify(a.getSnapshot().rows.toSorted((x, y) => Number(x["id"]) - Number(y["id"]))),
      )
      .toBe(await truth());
    await expect.poll(() => child.getSnapshot().keys.length).toBe(15);
    expect(child.row("1")).toEqual({ id: 1, a_id: 101 });
  });

  it("keeps the newest rows of a table larger than its bound and marks it as partial; the total stays exact", async () => {
    const { address, sql } = await fresh(
      "CREATE TABLE big (id int PRIMARY KEY, v int); INSERT INTO big SELECT n, 0 FROM generate_series(1, 1000) n",
    );
    const { view } = await serve(address, { bounds: { rowsMax: 100 } });
    const big = view("big");
    await expect
      .poll(() => big.getSnapshot())
      .toMatchObject({ isPartial: true, channelRows: 100, totalRows: 1_000 });
    expect(big.row("901")).toBeDefined();
    expect(big.row("900")).toBeUndefined();
    await sql("UPDATE big SET v = 1 WHERE id = 5; DELETE FROM big WHERE id <= 4");
    await expect.poll(() => big.row("5")).toEqual({ id: 5, v: 1 });
    await expect.poll(() => big.getSnapshot().totalRows, { timeout: 3_000 }).toBe(996);
  });

  it("copies the table anew after a transaction that is too large for a commit", async () => {
    const { address, sql } = await fresh(
      "CREATE TABLE big (id int PRIMARY KEY, v int); CREATE TABLE other (id int PRIMARY KEY, v int)",
    );
    const { view } = await serve(address, { limits: { commitRowsMax: 1_000 } });
    const big = view("big");
    const other = view("other");
    await sql(
      "BEGIN; INSERT INTO big SELECT n, n FROM generate_series(1, 20000) n; INSERT INTO other VALUES (1, 1); COMMIT",
    );
    await expect
      .poll(() => [big.getSnapshot().keys.length, other.getSnapshot().keys.length], {
        timeout: 10_000,
      })
      .toEqual([20_000, 1]);
    await sql("UPDATE big SET v = -1");
    await expect.poll(() => big.row("777"), { timeout: 10_000 }).toEqual({ id: 777, v: -1 });
  });

  it("refuses what can't be live, with the reason, and serves the rest", async () => {
    const { address } = await fresh(
      "CREATE TABLE fine (id int PRIMARY KEY); CREATE TABLE nokey (x int); CREATE TABLE jkey (j jsonb PRIMARY KEY); CREATE VIEW seen AS SELECT 1 AS id",
    );
    const { report } = await serve(address);
    expect(report?.tables).toEqual(["fine"]);
    expect(report?.refused).toMatchObject([
      { table: "jkey", reason: expect.stringContaining("can't identify a row") },
      { table: "nokey", reason: expect.stringContaining("no primary key") },
    ]);
    for (const [table, message] of [
      ["nokey", /no primary key/],
      ["seen", /a view/],
      ["missing", /no table "missing".*fine/],
    ] as const) {
      await expect(
        createTidemark({
          sources: [postgres(address, { tables: [table] })],
          logger: silent,
        }).start(),
      ).rejects.toThrow(message);
    }
  });

  it("installs once, changes nothing the second time, and uninstalls without a trace", async () => {
    const { address } = await fresh("CREATE TABLE t (id int PRIMARY KEY)");
    const first = await serve(address);
    await first.tidemark.stop();
    const second = await serve(address);
    expect([first.report?.installed, second.report?.installed, second.report?.unchanged]).toEqual([
      ["t"],
      [],
      ["t"],
    ]);
    await second.tidemark.stop();
    const session = await databaseOf(address).connect();
    expect(await uninstall(session, 5_000)).toEqual(["t"]);
    expect(await uninstall(session, 5_000)).toBeUndefined();
    const left = await session.query(
      "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'tidemark')::int + (SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'tidemark%')::int AS left",
    );
    expect(left[0]?.["left"]).toBe(0);
    await session.close();
  });
});

async function read(database: Database, text: string): Promise<unknown> {
  if (typeof database.address === "string")
    return withClient(database.address, async (client) => (await client.query(text)).rows);
  return (await database.address.query(text)).rows;
}

it.skipIf(!hasPostgres(13))("has been run on Postgres 13, where there are binaries of it", () => {
  expect(hasPostgres(13)).toBe(true);
});
