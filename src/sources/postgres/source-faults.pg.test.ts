/** The source when its connection, its database or its tables fail it, and with several servers. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  startPostgres,
  withClient,
  type PostgresServer,
} from "../../../test/support/postgres-server.ts";
import { silent } from "../../../test/support/silent.ts";
import { sourceServers } from "../../../test/support/source-servers.ts";
import type { LiveView } from "../../client/node.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { databaseOf } from "./database-address.ts";
import { postgres } from "./index.ts";
import { uninstall } from "./install.ts";

const { serve } = sourceServers();

describe("the postgres source under faults", () => {
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
