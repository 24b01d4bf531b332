/**
 * The source on the oldest and the newest supported Postgres, and on PGlite: types, keys, triggers,
 * faults.
 */
import type { PGlite } from "@electric-sql/pglite";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createPGlite } from "../../../test/support/pglite.ts";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresServer,
  type PostgresVersion,
} from "../../../test/support/postgres-server.ts";
import { silent } from "../../../test/support/silent.ts";
import { createClient, type LiveView, type ViewSnapshot } from "../../client/node.ts";
import { createTidemark, type Tidemark } from "../../server/tidemark.ts";
import { databaseOf } from "./database-address.ts";
import { postgres, type PostgresReport, type PostgresOptions } from "./index.ts";
import { uninstall } from "./install.ts";

interface Database {
  readonly address: string | PGlite;
  sql(text: string): Promise<unknown>;
  remove(): Promise<void>;
}

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function serve(address: string | PGlite, options: PostgresOptions = {}) {
  let report: PostgresReport | undefined;
  const tidemark: Tidemark = createTidemark({
    sources: [postgres(address, { ...options, onInstalled: (found) => (report = found) })],
    logger: silent,
  });
  stops.push(() => tidemark.stop());
  const { url } = await tidemark.listen({ port: 0 });
  const client = createClient({
    url: `${url}/v2/stream`,
    backoff: { firstMs: 20, delaysMs: [20, 40, 80] },
  });
  stops.push(() => client.close());
  const view = (channel: string): LiveView => {
    const live = client.live({ channel });
    live.subscribe(() => {});
    return live;
  };
  return { tidemark, url, view, report: report as PostgresReport | undefined };
}

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
    stops.push(() => database.remove());
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

describe("faults", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(18);
    await server.sql(
      "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, 0 FROM generate_series(1, 50) n",
    );
  });
  afterAll(() => server.remove());

  const values = (view: LiveView) => () => new Set(view.getSnapshot().rows.map((row) => row["v"]));

  it("is stale at once when its connection is killed, then live with every change", async () => {
    const { view } = await serve(server.url);
    const t = view("t");
    await expect.poll(() => t.getSnapshot().status).toBe("live");
    const seen = new Set<string>();
    t.subscribe(() => seen.add(t.getSnapshot().status));
    for (let round = 1; round <= 3; round++) {
      await server.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidemark'`,
      );
      await server.sql(`UPDATE t SET v = ${round}`);
      await expect.poll(values(t), { timeout: 10_000 }).toEqual(new Set([round]));
    }
    expect(seen).toContain("stale");
    await expect.poll(() => t.getSnapshot().status).toBe("live");
  });

  it.each(["fast", "immediate"] as const)(
    "survives a %s restart of Postgres, with the writes made meanwhile",
    async (mode) => {
      const { view } = await serve(server.url);
      const t = view("t");
      await expect.poll(() => t.getSnapshot().status).toBe("live");
      await server.stopServer(mode);
      await expect
        .poll(() => t.getSnapshot())
        .toMatchObject({
          status: "stale",
          reason: expect.stringMatching(/connection|ECONNREFUSED|terminat/i),
        });
      expect(t.getSnapshot().keys.length).toBe(50);
      await server.startServer();
      await server.sql(
        `UPDATE t SET v = ${mode === "fast" ? 71 : 72}; DELETE FROM t WHERE id = 50; INSERT INTO t VALUES (50, ${mode === "fast" ? 71 : 72})`,
      );
      await expect
        .poll(values(t), { timeout: 15_000 })
        .toEqual(new Set([mode === "fast" ? 71 : 72]));
      await expect.poll(() => t.getSnapshot().status).toBe("live");
    },
  );

  it("copies the writes of transactions that began before it started", async () => {
    await withClient(server.url, async (early) => {
      // No lease lives now, so this write is not captured.
      await early.query("BEGIN");
      await early.query("UPDATE t SET v = 1001 WHERE id = 1");
      const { view } = await serve(server.url);
      const t = view("t");
      await expect.poll(() => t.getSnapshot().status).toBe("live");
      await early.query("COMMIT");
      await expect.poll(() => t.row("1")?.["v"]).toBe(1001);
    });
  });

  it("copies anew when its lease had ended, since triggers had stopped writing", async () => {
    const { view } = await serve(server.url, { limits: { renewMs: 300 } });
    const t = view("t");
    await expect.poll(() => t.getSnapshot().status).toBe("live");
    await server.sql(
      "SELECT setval('tidemark.lease', 0); DELETE FROM tidemark.reader; UPDATE t SET v = 555 WHERE id = 2",
    );
    await expect.poll(() => t.row("2")?.["v"], { timeout: 5_000 }).toBe(555);
  });

  it("keeps the outbox small while it reads, and empty when no reader runs", async () => {
    const { view, tidemark } = await serve(server.url, { limits: { pruneMs: 50 } });
    const t = view("t");
    for (let value = 0; value < 30; value++) await server.sql(`UPDATE t SET v = ${2_000 + value}`);
    await expect.poll(values(t)).toEqual(new Set([2_029]));
    await expect
      .poll(
        async () => (await server.sql("SELECT count(*)::int AS n FROM tidemark.outbox")).rows[0].n,
        { timeout: 5_000 },
      )
      .toBe(0);
    await tidemark.stop();
    await server.sql("UPDATE t SET v = 3000");
    expect((await server.sql("SELECT count(*)::int AS n FROM tidemark.outbox")).rows[0].n).toBe(0);
  });

  it("serves two servers on one database, and each sees everything", async () => {
    const one = await serve(server.url, { limits: { pruneMs: 20, renewMs: 100 } });
    const two = await serve(server.url, { limits: { pruneMs: 20, renewMs: 100 } });
    const views = [one.view("t"), two.view("t")];
    for (let value = 0; value < 40; value++) await server.sql(`UPDATE t SET v = ${4_000 + value}`);
    for (const view of views) await expect.poll(values(view)).toEqual(new Set([4_039]));
  });

  it("copies anew when one backend crashes, which empties the outbox without a restart", async () => {
    const { view } = await serve(server.url);
    const t = view("t");
    await expect.poll(() => t.getSnapshot().status).toBe("live");
    await withClient(server.url, async (victim) => {
      const { rows } = await victim.query("SELECT pg_backend_pid() AS pid");
      await server.sql("UPDATE t SET v = 801");
      process.kill(rows[0].pid, "SIGKILL");
      await expect
        .poll(() =>
          victim.query("SELECT 1").then(
            () => "alive",
            () => "gone",
          ),
        )
        .toBe("gone");
    }).catch(() => {});
    await expect
      .poll(
        () =>
          server.sql("UPDATE t SET v = 802").then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
    await expect.poll(values(t), { timeout: 15_000 }).toEqual(new Set([802]));
  });

  it("suspends a table that was altered or dropped, stops its capture, and keeps the others live", async () => {
    await server.sql(
      "CREATE TABLE altered (id int PRIMARY KEY, v int); CREATE TABLE dropped (id int PRIMARY KEY)",
    );
    const { view } = await serve(server.url, { limits: { renewMs: 200 } });
    const [t, altered, dropped] = [view("t"), view("altered"), view("dropped")];
    await expect.poll(() => altered.getSnapshot().status).toBe("live");
    await server.sql("ALTER TABLE altered RENAME COLUMN id TO ident; DROP TABLE dropped");
    await expect
      .poll(() => altered.getSnapshot(), { timeout: 5_000 })
      .toMatchObject({ status: "stale", reason: expect.stringContaining("altered") });
    await expect
      .poll(() => dropped.getSnapshot(), { timeout: 5_000 })
      .toMatchObject({ status: "stale", reason: expect.stringContaining("gone") });
    await server.sql("INSERT INTO altered VALUES (1, 1); UPDATE t SET v = 901");
    await expect.poll(values(t), { timeout: 5_000 }).toEqual(new Set([901]));
    expect(t.getSnapshot().status).toBe("live");
    await server.sql("DROP TABLE altered");
  });

  it("notices changes without triggers: a partition that was emptied, rows loaded with triggers off", async () => {
    await server.sql(
      "CREATE TABLE parted (id int PRIMARY KEY, v int) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF parted FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF parted FOR VALUES FROM (10) TO (20); INSERT INTO parted SELECT n, 0 FROM generate_series(0, 19) n; CREATE TABLE loaded (id int PRIMARY KEY)",
    );
    const { view } = await serve(server.url, { limits: { renewMs: 200 } });
    const [parted, loaded] = [view("parted"), view("loaded")];
    await expect.poll(() => parted.getSnapshot().keys.length).toBe(20);
    await server.sql("UPDATE p1 SET v = 1 WHERE id = 3");
    await expect.poll(() => parted.row("3")).toEqual({ id: 3, v: 1 });
    await server.sql("TRUNCATE p2");
    await expect.poll(() => parted.getSnapshot().keys.length, { timeout: 5_000 }).toBe(10);
    await server.sql("ALTER TABLE loaded DISABLE TRIGGER ALL; INSERT INTO loaded VALUES (1)");
    await expect.poll(() => loaded.getSnapshot().keys, { timeout: 5_000 }).toEqual(["1"]);
    await server.sql("INSERT INTO loaded VALUES (2)");
    await expect.poll(() => loaded.getSnapshot().keys, { timeout: 5_000 }).toEqual(["1", "2"]);
    await server.sql("DROP TABLE parted, loaded");
  });

  it("counts only its own tables when it checks whether a commit is too large", async () => {
    await server.sql("CREATE TABLE foreign_big (id int PRIMARY KEY)");
    const all = await serve(server.url);
    const { view } = await serve(server.url, { tables: ["t"], limits: { commitRowsMax: 100 } });
    const t = view("t");
    await expect.poll(() => t.getSnapshot().status).toBe("live");
    await server.sql(
      "BEGIN; INSERT INTO foreign_big SELECT n FROM generate_series(1, 5000) n; UPDATE t SET v = 951; COMMIT",
    );
    await expect.poll(values(t), { timeout: 5_000 }).toEqual(new Set([951]));
    await all.tidemark.stop();
    await server.sql("DROP TABLE foreign_big");
  });

  it("does not touch a schema of the same name that it did not make", async () => {
    const url = await server.createDatabase("theirs");
    await withClient(url, (client) =>
      client.query(
        "CREATE SCHEMA tidemark; CREATE TABLE tidemark.precious (id int PRIMARY KEY); CREATE TABLE x (id int PRIMARY KEY)",
      ),
    );
    const session = await databaseOf(url).connect();
    await expect(uninstall(session, 1_000)).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
    await session.close();
    await expect(
      createTidemark({ sources: [postgres(url, { tables: ["x"] })], logger: silent }).start(),
    ).rejects.toMatchObject({ code: "DATABASE_REFUSED" });
    await withClient(url, (client) => client.query("SELECT FROM tidemark.precious"));
  });

  it("copies the newest rows after a transaction of a million rows, and stays exact", async () => {
    await server.sql("CREATE TABLE million (id int PRIMARY KEY, v int)");
    const { view } = await serve(server.url, { tables: ["million"], bounds: { rowsMax: 1_000 } });
    const million = view("million");
    await expect.poll(() => million.getSnapshot().status).toBe("live");
    await server.sql("INSERT INTO million SELECT n, 0 FROM generate_series(1, 1000000) n");
    await expect
      .poll(() => million.getSnapshot(), { timeout: 60_000 })
      .toMatchObject({ channelRows: 1_000, totalRows: 1_000_000, isPartial: true });
    expect([million.row("999001"), million.row("999000")]).toEqual([
      { id: 999_001, v: 0 },
      undefined,
    ]);
    await server.sql("UPDATE million SET v = 1 WHERE id = 1000000");
    await expect
      .poll(() => million.row("1000000"), { timeout: 10_000 })
      .toEqual({ id: 1_000_000, v: 1 });
    await server.sql("DROP TABLE million");
  });

  it("reads a key the same whatever the writer's settings are", async () => {
    await server.sql(
      "CREATE TABLE measured (at float8, span daterange, v int, PRIMARY KEY (at, span)); INSERT INTO measured VALUES (0.1 + 0.2, '[2024-02-01,2024-02-13)', 0)",
    );
    const { view } = await serve(server.url, { tables: ["measured"] });
    const measured = view("measured");
    await expect.poll(() => measured.getSnapshot().keys.length).toBe(1);
    await server.sql(
      "SET extra_float_digits = 0; SET DateStyle = 'SQL, DMY'; UPDATE measured SET v = 7",
    );
    await expect.poll(() => measured.getSnapshot().rows.map(({ v }) => v)).toEqual([7]);
    await server.sql(
      "SET extra_float_digits = 0; SET DateStyle = 'SQL, DMY'; DELETE FROM measured",
    );
    await expect.poll(() => measured.getSnapshot().keys).toEqual([]);
    await server.sql("DROP TABLE measured");
  });

  it("installs once when several servers start at the same time", async () => {
    const url = await server.createDatabase("together");
    await withClient(url, (client) => client.query("CREATE TABLE x (id int PRIMARY KEY)"));
    const all = await Promise.all([serve(url), serve(url), serve(url)]);
    await withClient(url, (client) => client.query("INSERT INTO x VALUES (1)"));
    for (const { view } of all) {
      const x = view("x");
      await expect.poll(() => x.getSnapshot().keys, { timeout: 5_000 }).toEqual(["1"]);
    }
  });

  it("captures writes of roles that have no rights on its schema", async () => {
    await server.sql(
      "DROP ROLE IF EXISTS app; CREATE ROLE app LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON t TO app",
    );
    const { view } = await serve(server.url);
    const t = view("t");
    await expect.poll(() => t.getSnapshot().status).toBe("live");
    await withClient(server.url.replace("postgres@", "app@"), (app) =>
      app.query("UPDATE t SET v = 6000 WHERE id = 3"),
    );
    await expect.poll(() => t.row("3")?.["v"]).toBe(6000);
  });

  it("names the grants that a role lacks", async () => {
    await server.sql("DROP ROLE IF EXISTS guest; CREATE ROLE guest LOGIN");
    const url = (await server.createDatabase("granted")).replace("postgres@", "guest@");
    await withClient(url.replace("guest@", "postgres@"), (client) =>
      client.query("CREATE TABLE x (id int PRIMARY KEY)"),
    );
    const start = () =>
      createTidemark({ sources: [postgres(url, { tables: ["x"] })], logger: silent }).start();
    await expect(start()).rejects.toMatchObject({
      code: "MISSING_GRANT",
      message: expect.stringContaining('GRANT SELECT, TRIGGER ON "public"."x" TO "guest"'),
    });
    await withClient(url.replace("guest@", "postgres@"), (client) =>
      client.query("GRANT SELECT, TRIGGER ON x TO guest"),
    );
    await expect(start()).rejects.toMatchObject({
      code: "MISSING_GRANT",
      message: expect.stringContaining('GRANT CREATE ON DATABASE "granted" TO "guest"'),
    });
  });
});
