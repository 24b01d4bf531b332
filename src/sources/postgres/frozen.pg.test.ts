/**
 * Databases that answer slowly, are busy, or are being emptied: meanwhile the shown rows are
 * correct, or marked as stale.
 */
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresServer,
} from "../../../test/support/postgres-server.ts";
import { pause, PLAIN, serve, until } from "../../../test/support/served-database.ts";
import { startSilentProxy } from "../../../test/support/silent-proxy.ts";

describe.skipIf(!hasPostgres(18))("a server", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres(18);
  });
  afterAll(() => server.remove());

  it.each([
    ["starts", false, "elsewhere"],
    ["reconnects", true, "elsewhere"],
    ["starts", false, "big"],
  ] as const)(
    "that %s (%s) under overlapping transactions on %s copies once",
    async (_name, reconnects, target) => {
      const url = await server.createDatabase(`overlap_${target}_${reconnects ? 2 : 1}`);
      const run = (text: string) => withClient(url, (client) => client.query(text));
      await run(
        "CREATE TABLE big (id int PRIMARY KEY, v text); INSERT INTO big SELECT n, repeat('x', 50) FROM generate_series(1, 50000) n; CREATE TABLE elsewhere (id int PRIMARY KEY, v text); INSERT INTO elsewhere SELECT n, 0 FROM generate_series(1, 8) n",
      );
      const end = { isOver: false };
      const write = async (id: number): Promise<void> => {
        const client = new pg.Client({ connectionString: url });
        client.on("error", () => {});
        await client.connect();
        while (!end.isOver) {
          await client.query("BEGIN").catch(() => {});
          await client
            .query(`UPDATE ${target} SET v = right(v || 'y', 9) WHERE id = ${id}`)
            .catch(() => {});
          await pause(50);
          await client.query("COMMIT").catch(() => {});
        }
        await client.end();
      };
      const begin = () => Array.from({ length: 8 }, (_, index) => write(index + 1));
      let writers: Promise<void>[] = reconnects ? [] : begin();
      await pause(200);
      const served = await serve(url, {
        tables: ["big"],
        ...(reconnects && { limits: { leaseSeconds: 2, renewMs: 500 } }),
      });
      try {
        if (reconnects) {
          await pause(500);
          writers = begin();
          await pause(300);
          served.copies.length = 0;
          // The server's lease ends while it is away.
          await run(
            "SELECT setval('tidemark.lease', 0); DELETE FROM tidemark.reader; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidemark'",
          );
        }
        await pause(5_000);
        expect(served.copies).toEqual(["tables copied"]);
      } finally {
        end.isOver = true;
        await Promise.all(writers);
        await served.stop();
      }
    },
    60_000,
  );

  it.each(["SIGSTOP", "silent network"] as const)(
    "is not live for long when its source is frozen: %s",
    async (kind) => {
      const database = `frozen_${kind === "SIGSTOP" ? 1 : 2}`;
      const url = await server.createDatabase(database);
      await withClient(url, (client) =>
        client.query("CREATE TABLE p (id int PRIMARY KEY, v int); INSERT INTO p VALUES (1, 0)"),
      );
      const proxy = await startSilentProxy(server.port);
      const served = await serve(
        kind === "SIGSTOP" ? url : `postgres://postgres@${proxy.address}/${database}`,
      );
      try {
        const view = served.view("p");
        await expect.poll(() => view.getSnapshot().status).toBe("live");
        await pause(1_500);
        let pid = 0;
        if (kind === "SIGSTOP") {
          pid = await withClient(
            url,
            async (client) =>
              (
                await client.query(
                  "SELECT pid FROM pg_stat_activity WHERE application_name = 'tidemark' AND datname = current_database() AND query LIKE '%tidemark.outbox%'",
                )
              ).rows[0].pid as number,
          );
          process.kill(pid, "SIGSTOP");
        } else proxy.isSwallowing = true;
        const frozenMs = performance.now();
        await withClient(url, (client) => client.query("UPDATE p SET v = 1"));
        let wrongLiveMs = 0;
        while (view.getSnapshot().status === "live" && performance.now() - frozenMs < 40_000)
          await pause(10);
        wrongLiveMs = performance.now() - frozenMs;
        expect(view.getSnapshot()).toMatchObject({
          status: "stale",
          reason: "no response from Postgres for 2 s",
        });
        // The network works again from here; the stopped process stays stopped, like a machine that
        // hangs.
        if (kind === "silent network") {
          await pause(3_000);
          proxy.isSwallowing = false;
        }
        const thawedMs = performance.now();
        await expect
          .poll(() => [view.getSnapshot().status, view.row("1")?.["v"]], { timeout: 40_000 })
          .toEqual(["live", 1]);
        // The reader gives up a hanging process after readTimeoutMs; it notices a working network
        // at once.
        expect(performance.now() - thawedMs).toBeLessThan(kind === "SIGSTOP" ? 6_000 : 2_000);
        if (pid !== 0) process.kill(pid, "SIGCONT");
        expect(wrongLiveMs).toBeLessThan(3_000);
      } finally {
        proxy.close();
        await served.stop();
      }
    },
    120_000,
  );

  it.each([
    ["renews its lease", "lease_until < clock_timestamp()"],
    ["copies", "tidemark_copy"],
  ] as const)(
    "is not live for long when the network falls silent while it %s",
    async (name, at) => {
      const database = `silent_${name.slice(0, 4).trim()}`;
      const url = await server.createDatabase(database);
      await withClient(url, (client) =>
        client.query("CREATE TABLE p (id int PRIMARY KEY, v int); INSERT INTO p VALUES (1, 0)"),
      );
      const proxy = await startSilentProxy(server.port);
      const served = await serve(`postgres://postgres@${proxy.address}/${database}`, {
        limits: { renewMs: 500, readTimeoutMs: 2_000 },
      });
      try {
        const view = served.view("p");
        await until(() => view.getSnapshot().status, "live");
        proxy.swallowAt = at;
        if (name === "copies") await withClient(url, (client) => client.query("TRUNCATE p"));
        await until(() => proxy.isSwallowing, true);
        await withClient(url, (client) => client.query("INSERT INTO p VALUES (2, 2)"));
        const frozenMs = performance.now();
        while (view.getSnapshot().status === "live" && performance.now() - frozenMs < 20_000)
          await pause(10);
        const liveMs = performance.now() - frozenMs;
        proxy.swallowAt = undefined;
        proxy.isSwallowing = false;
        proxy.cut();
        expect(liveMs).toBeLessThan(4_000);
      } finally {
        proxy.close();
        await served.stop();
      }
    },
    60_000,
  );

  it("shows no state that never existed while a table is emptied and filled in one transaction", async () => {
    const url = await server.createDatabase("torn");
    await withClient(url, (client) => client.query(PLAIN));
    const served = await serve(url);
    try {
      const view = served.view("p");
      await expect.poll(() => view.getSnapshot().rows.length).toBe(30);
      let fewest = 30;
      view.subscribe(() => {
        fewest = Math.min(fewest, view.getSnapshot().keys.length);
      });
      await withClient(url, async (client) => {
        for (let round = 0; round < 20; round++) {
          // The next read has earlier changes, and waits for the lock.
          await client.query(
            `UPDATE p SET v = ${round}; COMMIT; BEGIN; TRUNCATE p; INSERT INTO p SELECT n, ${round} FROM generate_series(0, 29) n`,
          );
          await pause(60);
          await client.query("COMMIT");
          await pause(60);
        }
      });
      await pause(300);
      expect(fewest).toBe(30);
    } finally {
      await served.stop();
    }
  }, 30_000);
});
