/**
 * Changes that a server could not capture or read for a while are neither lost nor called fresh,
 * and other tables and servers don't wait for them.
 */
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresServer,
} from "../../../test/support/postgres-server.ts";
import { pause, serve, until, type Served } from "../../../test/support/served-database.ts";
import { startSilentProxy } from "../../../test/support/silent-proxy.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
const TABLE = "CREATE TABLE p (id int PRIMARY KEY, v int); INSERT INTO p VALUES (1, 0)";
const SHORT_LEASE = { limits: { leaseSeconds: 2, renewMs: 500 } };

describe.skipIf(!hasPostgres(18))("a server of tables", () => {
  let server: PostgresServer;
  let count = 0;
  beforeAll(async () => {
    server = await startPostgres(18);
  });
  afterAll(() => server.remove());

  async function database(schema: string) {
    const name = `lapse_${++count}`;
    const url = await server.createDatabase(name);
    const run = async (text: string) =>
      (await withClient(url, (client) => client.query(text))).rows as Readonly<
        Record<string, unknown>
      >[];
    await run(schema);
    const proxy = await startSilentProxy(server.port);
    stops.push(() => proxy.close());
    return { name, url, run, proxy, viaProxy: `postgres://postgres@${proxy.address}/${name}` };
  }
  async function served(...args: Parameters<typeof serve>): Promise<Served> {
    const started = await serve(...args);
    stops.push(() => started.stop());
    return started;
  }
  async function session(url: string): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => {});
    await client.connect();
    stops.push(() => client.end());
    return client;
  }

  it("copies again after its lease ended, also when the first such copy is interrupted", async () => {
    const { run, proxy, viaProxy } = await database(TABLE);
    const view = (await served(viaProxy, SHORT_LEASE)).view("p");
    await until(() => view.getSnapshot().status, "live");
    const port = proxy.port;
    proxy.port = 1;
    proxy.cut();
    await until(() => view.getSnapshot().status, "stale");
    // Waits until the lease has ended and triggers capture no more.
    for (let id = 2; ; id++) {
      await run("TRUNCATE tidemark.outbox");
      await run(`INSERT INTO p VALUES (${id}, 0)`);
      if ((await run("SELECT FROM tidemark.outbox")).length === 0) break;
      await pause(100);
    }
    proxy.swallowAt = "tidemark_copy";
    proxy.port = port;
    await until(() => proxy.isSwallowing, true);
    proxy.swallowAt = undefined;
    proxy.isSwallowing = false;
    proxy.cut();
    const [{ count: rows }] = (await run("SELECT count(*)::int FROM p")) as [{ count: number }];
    // The channel is live only with all rows.
    const wrong: number[] = [];
    view.subscribe(
      () =>
        void (
          view.getSnapshot().status === "live" &&
          view.getSnapshot().keys.length !== rows &&
          wrong.push(view.getSnapshot().keys.length)
        ),
    );
    await until(() => view.getSnapshot().status, "live");
    await until(() => view.getSnapshot().keys.length, rows);
    expect(wrong).toEqual([]);
  });

  it("reads one table as fast while twenty others are locked", async () => {
    const others = Array.from({ length: 20 }, (_, index) => `t${index}`);
    const { run, url } = await database(
      [TABLE, ...others.map((name) => `CREATE TABLE ${name} (id int PRIMARY KEY)`)].join(";"),
    );
    const live = await served(url);
    const [view, other] = [live.view("p"), live.view("t7")];
    await until(() => view.getSnapshot().status, "live");
    const locker = await session(url);
    await locker.query(`BEGIN; LOCK TABLE ${others.join(", ")} IN ACCESS EXCLUSIVE MODE`);
    await run("UPDATE p SET v = -1");
    await until(() => other.getSnapshot().status, "stale");
    const latenciesMs: number[] = [];
    for (let v = 1; v <= 20; v++) {
      const beganMs = performance.now();
      await run(`UPDATE p SET v = ${v}`);
      await until(() => view.row("1")?.["v"], v);
      latenciesMs.push(performance.now() - beganMs);
      await pause(100);
    }
    expect(view.getSnapshot().status).toBe("live");
    expect(latenciesMs.toSorted((a, b) => a - b)[18]).toBeLessThan(500);
    await locker.query("ROLLBACK");
    await until(() => other.getSnapshot().status, "live", 15_000);
  });

  it("has the row of a transaction that began before its lease, in a table that was suspended meanwhile", async () => {
    const { run, url, proxy, viaProxy } = await database(
      `${TABLE}; CREATE TABLE good (id int PRIMARY KEY)`,
    );
    const view = (await served(viaProxy, SHORT_LEASE)).view("p");
    await until(() => view.getSnapshot().status, "live");
    const locker = await session(url);
    await locker.query("BEGIN; LOCK TABLE p IN ACCESS EXCLUSIVE MODE");
    await run("INSERT INTO good VALUES (1)");
    await until(() => view.getSnapshot().status, "stale");
    const port = proxy.port;
    proxy.port = 1;
    proxy.cut();
    await locker.query("ROLLBACK");
    await run("SELECT setval('tidemark.lease', 0); DELETE FROM tidemark.reader");
    const writer = await session(url);
    await writer.query("BEGIN; INSERT INTO p VALUES (2, 2)");
    proxy.port = port;
    // The transaction's writes are not captured: live without them is allowed only until it
    // commits.
    await pause(1_500);
    await writer.query("COMMIT");
    await until(() => view.getSnapshot().keys.length, 2);
    await until(() => view.getSnapshot().status, "live");
  });

  it("serves a table again after its grant was revoked and given back", async () => {
    const { name, url, run } = await database(
      `CREATE ROLE reading LOGIN; ${TABLE}; GRANT SELECT, TRIGGER ON p TO reading`,
    );
    await run(`GRANT CREATE ON DATABASE ${name} TO reading`);
    const view = (
      await served(url.replace("postgres@", "reading@"), { trustedOwners: ["postgres"] })
    ).view("p");
    await until(() => view.getSnapshot().status, "live");
    await run("REVOKE SELECT ON p FROM reading");
    await run("UPDATE p SET v = 3");
    await until(() => view.getSnapshot().status, "stale");
    expect(view.getSnapshot().reason).toContain("lacks SELECT");
    await run("GRANT SELECT ON p TO reading");
    await until(() => view.getSnapshot().status, "live", 15_000);
    expect(view.row("1")).toMatchObject({ v: 3 });
  });

  it("with an older shape of a table does not hide its changes from a server with the new shape", async () => {
    const { run, url, proxy, viaProxy } = await database(TABLE);
    const old = (await served(viaProxy)).view("p");
    await until(() => old.getSnapshot().status, "live");
    proxy.isSwallowing = true;
    await run("ALTER TABLE p ADD COLUMN w int");
    const current = (await served(url)).view("p");
    await until(() => current.getSnapshot().status, "live");
    proxy.cut();
    proxy.isSwallowing = false;
    await until(() => /altered/.test(old.getSnapshot().reason ?? ""), true, 20_000);
    for (let v = 1; v <= 5; v++) {
      await run(`UPDATE p SET v = ${v}`);
      await until(() => current.row("1")?.["v"], v);
    }
    expect(current.getSnapshot().status).toBe("live");
  });

  it("is live within two seconds after a network was silent for longer than any timeout", async () => {
    const { run, proxy, viaProxy } = await database(TABLE);
    const view = (await served(viaProxy)).view("p");
    await until(() => view.getSnapshot().status, "live");
    proxy.isSwallowing = true;
    await run("UPDATE p SET v = 1");
    await until(() => view.getSnapshot().status, "stale");
    await pause(9_000);
    proxy.isSwallowing = false;
    await until(() => view.getSnapshot().status === "live" && view.row("1")?.["v"], 1, 2_000);
  });

  it("makes capture functions of earlier versions do nothing: owners of tables could make casts that they used", async () => {
    const { run, url } = await database(
      `CREATE SCHEMA vault; CREATE TABLE vault.gold (who text); CREATE ROLE owner LOGIN; CREATE SCHEMA theirs AUTHORIZATION owner; GRANT USAGE ON SCHEMA vault, theirs TO PUBLIC; ${TABLE}`,
    );
    await (await served(url)).stop();
    const asOwner = (text: string) =>
      withClient(url.replace("postgres@", "owner@"), (client) => client.query(text));
    await asOwner(`
      CREATE TYPE theirs.mood AS ENUM ('sad'); CREATE TABLE theirs.t (k theirs.mood PRIMARY KEY); GRANT TRIGGER ON theirs.t TO postgres;
      CREATE FUNCTION theirs.to_json(theirs.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO vault.gold VALUES (current_user); RETURN '"sad"'; END $$;
      CREATE CAST (theirs.mood AS json) WITH FUNCTION theirs.to_json(theirs.mood)`);
    // The functions of version 2.
    await run(`
      CREATE FUNCTION tidemark.capture_1() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $capture$ BEGIN
        INSERT INTO tidemark.outbox (xid, tab, key, delta) VALUES (pg_current_xact_id(), 1, jsonb_build_array(NEW.k), 1); RETURN NULL; END $capture$;
      CREATE TRIGGER tidemark_insert AFTER INSERT ON theirs.t FOR EACH ROW EXECUTE FUNCTION tidemark.capture_1()`);
    await asOwner("INSERT INTO theirs.t VALUES ('sad')");
    expect(await run("SELECT who FROM vault.gold")).toEqual([{ who: "postgres" }]);
    await run("TRUNCATE vault.gold; TRUNCATE theirs.t");
    await served(url, { tables: ["p"] });
    await asOwner("INSERT INTO theirs.t VALUES ('sad')");
    expect(await run("SELECT who FROM vault.gold")).toEqual([]);
  });
});
