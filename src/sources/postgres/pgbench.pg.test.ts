/**
 * Under pgbench: no change is lost or applied twice, the last writer wins, and no reader waits for
 * a slow transaction.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import pg from "pg";
import { initPgbench, runPgbench, spawnPgbench } from "../../../test/support/pgbench.ts";
import {
  findPgbench,
  startPostgres,
  withClient,
  type PostgresServer,
} from "../../../test/support/postgres-server.ts";
import { silent } from "../../../test/support/silent.ts";
import { createClient, type LiveView } from "../../client/node.ts";
import type { Query } from "../../protocol/user-query.ts";
import type { Row } from "../../protocol/row.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { databaseOf } from "./database-address.ts";
import { postgres } from "./index.ts";
import { uninstall } from "./install.ts";

const TABLES = ["pgbench_accounts", "pgbench_tellers", "pgbench_branches"];
const RUNS = 50;

describe.skipIf(findPgbench() === undefined)("the postgres source under pgbench", () => {
  let server: PostgresServer;

  beforeAll(async () => {
    // The load of a database that writes to its disk.
    server = await startPostgres(18, { fsync: "on" });
    await initPgbench(server);
  });
  afterAll(() => server.remove());

  const start = async (): Promise<Running> => {
    const tidemark = createTidemark({
      sources: [postgres(server.url, { tables: TABLES })],
      logger: silent,
    });
    const { url } = await tidemark.listen({ port: 0 });
    const client = createClient({ url: `${url}/v2/stream` });
    const views = TABLES.map((channel) => client.live({ channel }));
    for (const view of views) view.subscribe(() => {});
    return {
      views,
      url,
      stop: async () => {
        client.close();
        await tidemark.stop();
      },
    };
  };

  it(`ends equal to SELECT after each of ${RUNS} short runs of 8 clients, started in the middle of every tenth`, async () => {
    let running = await start();
    for (let run = 0; run < RUNS; run++) {
      const finished = runPgbench(server, ["-c", "8", "-j", "2", "-t", "25"]);
      if (run % 10 === 5) {
        await running.stop();
        running = await start();
      }
      await finished;
      await expectEqual(server, running);
    }
    await running.stop();
  });

  it("loses nothing between copy and stream while a writer runs at full speed", async () => {
    const writer = spawnPgbench(server, ["-c", "8", "-j", "2", "-T", "60"]);
    const instances: Running[] = [];
    for (let index = 0; index < 4; index++) instances.push(await start());
    const ended = new Promise((resolve) => writer.once("exit", resolve));
    writer.kill("SIGINT");
    await ended;
    for (const running of instances) {
      await expectEqual(server, running);
      await running.stop();
    }
  });

  it("keeps filtered, sorted and top-N views exact while clients come and go under load", async () => {
    const queries = [
      {
        sql: "SELECT aid FROM pgbench_accounts WHERE abalance > 500",
        query: { channel: "pgbench_accounts", where: { column: "abalance", gt: 500 } },
      },
      {
        sql: "SELECT aid FROM pgbench_accounts WHERE abalance BETWEEN -2000 AND -100 AND aid < 50000",
        query: {
          channel: "pgbench_accounts",
          where: {
            and: [
              { column: "abalance", between: [-2_000, -100] },
              { column: "aid", lt: 50_000 },
            ],
          },
        },
      },
      {
        sql: 'SELECT aid FROM pgbench_accounts ORDER BY abalance DESC, aid::text COLLATE "C" LIMIT 100',
        query: {
          channel: "pgbench_accounts",
          orderBy: [{ column: "abalance", direction: "desc" }],
          limit: 100,
        },
      },
      {
        sql: 'SELECT tid FROM pgbench_tellers ORDER BY tbalance, tid::text COLLATE "C"',
        query: {
          channel: "pgbench_tellers",
          orderBy: [{ column: "tbalance" }],
          columns: ["tbalance"],
        },
      },
    ] as const;
    const tidemark = createTidemark({
      sources: [postgres(server.url, { tables: TABLES })],
      logger: silent,
    });
    const { url } = await tidemark.listen({ port: 0 });
    const load = runPgbench(server, ["-c", "8", "-j", "2", "-T", "6"]);
    const endMs = performance.now() + 6_000;
    const visits: Promise<void>[] = [];
    const visit = async (turn: number): Promise<void> => {
      const client = createClient({ url: `${url}/v2/stream`, lingerMs: 10 });
      const view = client.live(
        queries[turn % queries.length]?.query as Query & { channel: string },
      );
      const leave = view.subscribe(() => {});
      await expect.poll(() => view.getSnapshot().status, { timeout: 10_000 }).toBe("live");
      leave();
      client.close();
    };
    const staying = createClient({ url: `${url}/v2/stream` });
    const views = queries.map(({ query }) => staying.live(query as Query & { channel: string }));
    for (const view of views) view.subscribe(() => {});
    for (let turn = 0; performance.now() < endMs; turn++) {
      visits.push(visit(turn));
      await visits[Math.max(0, turn - 3)];
    }
    await Promise.all([load, ...visits]);
    expect(visits.length).toBeGreaterThan(10);
    for (const [index, { sql, query }] of queries.entries()) {
      const { rows } = await server.sql(sql);
      const truth = rows.map((row) => String(Object.values(row as object)[0]));
      const isOrdered = "orderBy" in query;
      const shown = (): readonly string[] => {
        const keys = views[index]?.getSnapshot().keys ?? [];
        return isOrdered ? keys : keys.toSorted();
      };
      await expect.poll(shown, { timeout: 10_000 }).toEqual(isOrdered ? truth : truth.toSorted());
    }
    staying.close();
    await tidemark.stop();
  });

  it("is uninstalled under load without an error in any writer", async () => {
    const running = await start();
    const load = runPgbench(server, ["-c", "8", "-j", "2", "-T", "4"]);
    await expect
      .poll(() => running.views.every((view) => view.getSnapshot().status === "live"))
      .toBe(true);
    await running.stop();
    const session = await databaseOf(server.url).connect();
    expect((await uninstall(session, 5_000))?.toSorted()).toEqual(TABLES.toSorted());
    await session.close();
    // pgbench ends with an error when one of its transactions failed.
    expect((await load).tps).toBeGreaterThan(0);
  });

  it("does not wait for open transactions: changes arrive while one stays open for seconds", async () => {
    const running = await start();
    await expect
      .poll(() => running.views.every((view) => view.getSnapshot().status === "live"))
      .toBe(true);
    await withClient(server.url, async (slow) => {
      await slow.query("BEGIN");
      await slow.query("UPDATE pgbench_branches SET bbalance = 4242 WHERE bid = 1");
      const waits: number[] = [];
      const endMs = performance.now() + 3_000;
      for (let value = 1; performance.now() < endMs; value++) {
        const beganMs = performance.now();
        await server.sql(`UPDATE pgbench_tellers SET tbalance = ${value} WHERE tid = 7`);
        await expect
          .poll(() => running.views[1]?.row("7")?.["tbalance"], { interval: 1, timeout: 2_000 })
          .toBe(value);
        waits.push(performance.now() - beganMs);
      }
      expect(waits.length).toBeGreaterThan(20);
      expect(running.views[2]?.row("1")?.["bbalance"]).not.toBe(4242);
      await slow.query("COMMIT");
    });
    await expect.poll(() => running.views[2]?.row("1")?.["bbalance"]).toBe(4242);
    await expectEqual(server, running);
    await running.stop();
  });
});

interface Running {
  readonly url: string;
  readonly views: readonly LiveView[];
  stop(): Promise<void>;
}

/** The client's rows and the tables' are the same, row by row, when all writers have ended. */
async function expectEqual(server: PostgresServer, { views }: Running): Promise<void> {
  // A writer that was interrupted has sent commits that the server may still be writing.
  const writers = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'pgbench'";
  await expect.poll(async () => (await server.sql(writers)).rowCount, { timeout: 15_000 }).toBe(0);
  const truth = await withClient(server.url, (client) => selectAll(client));
  await expect
    .poll(
      () =>
        views.map((view, index) =>
          differences(
            view.getSnapshot().keys.length,
            (key) => view.row(key),
            truth[index] as Map<string, string>,
          ),
        ),
      { timeout: 15_000, interval: 50 },
    )
    .toEqual(TABLES.map(() => 0));
}

async function selectAll(client: pg.Client): Promise<readonly Map<string, string>[]> {
  const select = async (
    table: string,
    key: string,
    value: string,
  ): Promise<Map<string, string>> => {
    const { rows } = await client.query({
      text: `SELECT ${key}::text, ${value}::text FROM ${table}`,
      rowMode: "array",
    });
    return new Map((rows as [string, string][]).map(([id, balance]) => [id, balance]));
  };
  return [
    await select("pgbench_accounts", "aid", "abalance"),
    await select("pgbench_tellers", "tid", "tbalance"),
    await select("pgbench_branches", "bid", "bbalance"),
  ];
}

function differences(
  size: number,
  rowOf: (key: string) => Row | undefined,
  truth: ReadonlyMap<string, string>,
): number {
  let count = Math.abs(size - truth.size);
  for (const [key, balance] of truth) {
    const row = rowOf(key);
    if (
      row === undefined ||
      String(row["abalance"] ?? row["tbalance"] ?? row["bbalance"]) !== balance
    )
      count++;
  }
  return count;
}
