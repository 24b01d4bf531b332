/**
 * Attacks on a server's availability and data: in each test, one table, name, value or role harms
 * no other.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  TRUSTED,
  GRANTS,
  VERSIONS,
  attackedPostgres,
  isLive,
} from "../../../test/support/attacked-postgres.ts";
import { withClient } from "../../../test/support/postgres-server.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { pause, until } from "../../../test/support/served-database.ts";
import { MutationError, type LiveView } from "../../client/node.ts";
import { mutation } from "../../index.ts";
import { databaseOf } from "./database-address.ts";
import { diagnose } from "./diagnose.ts";
import { uninstall } from "./install.ts";
import { roleScript } from "./role-script.ts";

describe.each(VERSIONS)("attacks on Postgres %s", (version) => {
  const { admin, as, atEnd, database, serve, sql } = attackedPostgres(version);

  describe("2: one table does not stop the others", () => {
    beforeEach(() =>
      sql(
        "CREATE TABLE public.items (id int PRIMARY KEY, v int DEFAULT 0); INSERT INTO public.items VALUES (1); GRANT SELECT, TRIGGER ON public.items TO srv",
      ),
    );
    /** The good table is still served. */
    async function goesOn(items: LiveView, value: number, timeout = 6_000): Promise<void> {
      await sql(`UPDATE public.items SET v = ${value}`);
      await expect
        .poll(() => [items.getSnapshot().status, items.row("1")?.["v"]], { timeout })
        .toEqual(["live", value]);
    }
    it("a: a type with an implicit cast, which makes its = ambiguous", async () => {
      await sql(
        `CREATE CAST (mal.mood AS text) WITH FUNCTION mal.to_text(mal.mood) AS IMPLICIT; CREATE TABLE mal.t (k mal.mood PRIMARY KEY); ${GRANTS}`,
        "mallory",
      );
      const { view } = await serve({ trustedOwners: TRUSTED });
      await goesOn(view("items"), 1);
    });
    it("b: a key that can't be parsed again: a time zone that only output accepts", async () => {
      await sql(`CREATE TABLE mal.t (k timestamptz PRIMARY KEY); ${GRANTS}`, "mallory");
      const { view } = await serve({ trustedOwners: TRUSTED });
      const items = view("items");
      await isLive(items);
      await sql(
        "SET TIME ZONE INTERVAL '-23:00' HOUR TO MINUTE; INSERT INTO mal.t VALUES (now())",
        "mallory",
      );
      await goesOn(items, 1);
    });
    it("b: a key that is no longer valid: an enum's value renamed in the same transaction", async () => {
      await sql(`CREATE TABLE mal.t (k mal.mood PRIMARY KEY); ${GRANTS}`, "mallory");
      const { view } = await serve({ trustedOwners: TRUSTED });
      const items = view("items");
      await isLive(items);
      await sql(
        "BEGIN; INSERT INTO mal.t VALUES ('sad'); ALTER TYPE mal.mood RENAME VALUE 'sad' TO 'glad'; COMMIT",
        "mallory",
      );
      await goesOn(items, 1);
    });
    async function whileLocked(run: () => Promise<void>): Promise<void> {
      await withClient(as("mallory"), async (client) => {
        await client.query("BEGIN; LOCK TABLE mal.t IN ACCESS EXCLUSIVE MODE");
        await run();
      });
    }
    it("c: a table that is held locked at start", async () => {
      await sql(`CREATE TABLE mal.t (k int PRIMARY KEY); ${GRANTS}`, "mallory");
      await whileLocked(async () => {
        const { view } = await serve({ trustedOwners: TRUSTED, limits: { lockTimeoutMs: 500 } });
        await goesOn(view("items"), 1);
      });
    });
    it("c: a table that is held locked at start, with its triggers in place", async () => {
      await sql(`CREATE TABLE mal.t (k int PRIMARY KEY); ${GRANTS}`, "mallory");
      const first = await serve({ trustedOwners: TRUSTED });
      await first.tidemark.stop();
      await whileLocked(async () => {
        const { view } = await serve({ trustedOwners: TRUSTED, limits: { lockTimeoutMs: 500 } });
        await goesOn(view("items"), 1);
      });
    });
    it("c: a table that is held locked later", async () => {
      await sql(`CREATE TABLE mal.t (k int PRIMARY KEY); ${GRANTS}`, "mallory");
      const { view } = await serve({ trustedOwners: TRUSTED });
      const items = view("items");
      await isLive(items);
      await whileLocked(() => goesOn(items, 1, 8_000));
    });
    it("d: a key column renamed while no server runs; the next serves other tables", async () => {
      await sql(`CREATE TABLE mal.t (k int PRIMARY KEY, v int); ${GRANTS}`, "mallory");
      const first = await serve({ trustedOwners: TRUSTED });
      await first.tidemark.stop();
      await sql("ALTER TABLE mal.t RENAME k TO k2; INSERT INTO mal.t VALUES (1, 1)", "mallory");
      await serve({ tables: ["public.items"] });
      await sql("INSERT INTO mal.t VALUES (2, 2)", "mallory");
    });
    it("d: a key column renamed while a server runs", async () => {
      await sql(`CREATE TABLE mal.t (k int PRIMARY KEY, v int); ${GRANTS}`, "mallory");
      await serve({ trustedOwners: TRUSTED });
      await sql("ALTER TABLE mal.t RENAME k TO k2", "mallory");
      await sql("INSERT INTO mal.t VALUES (1, 1)", "mallory");
    });
    it("d: a key column of another type, in a session that wrote before", async () => {
      await sql(`CREATE TABLE mal.t (k int PRIMARY KEY, v int); ${GRANTS}`, "mallory");
      await serve({ trustedOwners: TRUSTED });
      await withClient(as("mallory"), async (client) => {
        await client.query("INSERT INTO mal.t VALUES (1, 1)");
        await client.query("ALTER TABLE mal.t ALTER k TYPE bigint");
        await client.query("INSERT INTO mal.t VALUES (2, 2)");
      });
    });
    it("d: capture stops in the end for a table whose triggers the server may not drop", async () => {
      await sql(`CREATE TABLE mal.t (k int PRIMARY KEY, v int); ${GRANTS}`, "mallory");
      await serve({ trustedOwners: TRUSTED });
      await sql("ALTER TABLE mal.t RENAME k TO k2", "mallory");
      await pause(7_000);
      await sql("INSERT INTO mal.t VALUES (1, 1)", "mallory");
    });
    it("e: another role holds the advisory lock", async () => {
      await withClient(as("app"), async (client) => {
        await client.query("SELECT pg_advisory_lock(7431905)");
        const started = serve({ trustedOwners: TRUSTED });
        started.catch(() => {});
        expect(
          await Promise.race([started.then(() => "started"), pause(8_000).then(() => "blocked")]),
        ).toBe("started");
      });
    });
    it("f: uninstall works where the server's role may create triggers only", async () => {
      await sql(`CREATE TABLE mal.t (k int PRIMARY KEY, v int); ${GRANTS}`, "mallory");
      const { tidemark } = await serve({ trustedOwners: TRUSTED });
      await tidemark.stop();
      const session = await databaseOf(as("srv")).connect();
      atEnd(() => session.close());
      await uninstall(session, 1_000);
      expect(
        (await sql("SELECT count(*)::int AS n FROM pg_trigger WHERE tgname LIKE 'tidemark%'")).rows,
      ).toEqual([{ n: 0 }]);
    });
  });

  it.each([
    "ENABLE ROW LEVEL SECURITY",
    "ENABLE ROW LEVEL SECURITY; ALTER TABLE public.items FORCE ROW LEVEL SECURITY; ALTER TABLE public.items OWNER TO srv",
  ])("3: rows are not hidden in silence after %s", async (change) => {
    await sql(
      "CREATE TABLE public.items (id int PRIMARY KEY, v int DEFAULT 0); INSERT INTO public.items VALUES (1), (2); GRANT SELECT, TRIGGER ON public.items TO srv",
    );
    const { view } = await serve();
    const items = view("items");
    await isLive(items);
    await sql(`ALTER TABLE public.items ${change}`);
    // The channel may be stale; live with a missing row would be wrong.
    const lies: number[] = [];
    items.subscribe(
      () =>
        void (
          items.getSnapshot().status === "live" &&
          items.getSnapshot().keys.length < 2 &&
          lies.push(items.getSnapshot().keys.length)
        ),
    );
    await sql("UPDATE public.items SET v = 1 WHERE id = 1");
    await until(() => items.getSnapshot().status === "stale" || items.row("1")?.["v"] === 1, true);
    await pause(1_000);
    expect(lies).toEqual([]);
  });

  it("3: the role that doctor prints serves tables of another owner, and is no superuser", async () => {
    await sql(
      `CREATE TABLE public.items (id int PRIMARY KEY, v int DEFAULT 0); INSERT INTO public.items VALUES (1); ALTER TABLE public.items OWNER TO app`,
    );
    await sql(await roleScript(admin(), `reader_${version}_${database()}`));
    const found = await serve(
      { trustedOwners: ["app"] },
      undefined,
      `reader_${version}_${database()}`,
    );
    const items = found.view("items");
    await isLive(items);
    await sql("UPDATE public.items SET v = 1", "app");
    await expect.poll(() => items.row("1")?.["v"]).toBe(1);
    expect(found.report?.warnings).toEqual([expect.stringContaining("session_replication_role")]);
    const asked = await diagnose(as(`reader_${version}_${database()}`));
    expect(asked.map(({ isGood }) => isGood)).toEqual([true, true, true, true]);
  });

  describe("4: names", () => {
    beforeEach(async () => {
      await sql(
        "CREATE SCHEMA sales; CREATE TABLE sales.orders (id int PRIMARY KEY, v text); INSERT INTO sales.orders VALUES (1, 'real'); GRANT USAGE ON SCHEMA sales TO srv; GRANT SELECT, TRIGGER ON sales.orders TO srv",
      );
    });
    const fake = (name: string) =>
      sql(
        `CREATE TABLE ${name} (id int PRIMARY KEY, v text); INSERT INTO ${name} VALUES (1, 'fake'); GRANT SELECT, TRIGGER ON ${name} TO srv`,
        "mallory",
      );
    it.each([[undefined], [["sales.orders"]]])(
      'public."sales.orders" does not take the channel of sales.orders (tables: %s)',
      async (tables) => {
        await fake('public."sales.orders"');
        const { view } = await serve({ tables });
        const orders = view("sales.orders");
        await isLive(orders);
        expect(orders.row("1")?.["v"]).toBe("real");
      },
    );
    it("a table of the same name in public, made later, is not served instead of the named one", async () => {
      await fake("public.orders");
      await expect(serve({ tables: ["orders"] })).rejects.toMatchObject({ code: "TABLE_REFUSED" });
    });
    it('public."tidemark.channels" does not take the name of the server\'s own table', async () => {
      await fake('public."tidemark.channels"');
      const { view, report } = await serve();
      const channels = view("tidemark.channels");
      const orders = view("sales.orders");
      await isLive(orders);
      await isLive(channels);
      expect(report?.tables).not.toContain("tidemark.channels");
      expect(channels.getSnapshot().rows.some((row) => row["v"] === "fake")).toBe(false);
    });
  });

  it("5: an application's trigger whose name begins with tidemark stays", async () => {
    await sql(`CREATE TABLE public.items (id int PRIMARY KEY); CREATE FUNCTION public.audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
      CREATE TRIGGER tidemark_own_audit AFTER INSERT ON public.items FOR EACH ROW EXECUTE FUNCTION public.audit()`);
    const { tidemark } = await serve({}, undefined, "postgres");
    const names = async () =>
      (await sql("SELECT tgname FROM pg_trigger WHERE tgname = 'tidemark_own_audit'")).rowCount;
    const session = await databaseOf(admin()).connect();
    atEnd(() => session.close());
    await tidemark.stop();
    await uninstall(session, 1_000);
    expect(await names()).toBe(1);
  });

  it("6: a role without grants can't fill the outbox", async () => {
    await sql("CREATE TABLE public.items (id int PRIMARY KEY)");
    await serve({}, undefined, "postgres");
    await sql(
      "BEGIN; SELECT count(tidemark.txid()) FROM generate_series(1, 20000); SELECT pg_sleep(0); COMMIT",
      "app",
    ).then(
      () => expect.unreachable(),
      ({ code }) => expect(code).toBe("42501"),
    );
    expect(
      (await sql("SELECT has_function_privilege('app', 'tidemark.txid()', 'EXECUTE') AS may")).rows,
    ).toEqual([{ may: false }]);
  });

  it("6: a role that may call txid() writes one row per transaction", async () => {
    await sql("CREATE TABLE public.items (id int PRIMARY KEY)");
    await serve({}, undefined, "postgres");
    await withClient(admin(), async (client) => {
      await client.query("BEGIN");
      await client.query("SELECT count(tidemark.txid()) FROM generate_series(1, 20000)");
      const { rows } = await client.query(
        "SELECT count(*)::int AS n FROM tidemark.outbox WHERE xid = pg_current_xact_id()",
      );
      await client.query("COMMIT");
      expect(rows).toEqual([{ n: 1 }]);
    });
  });

  it("7: refusals are remembered within a bound", async () => {
    await sql("CREATE TABLE public.items (id int PRIMARY KEY)");
    const refuse = mutation({
      input: z.object({}),
      handler: () => {
        throw new MutationError("NO", "x".repeat(1_000));
      },
    });
    const { url } = await serve({}, { refuse }, "postgres");
    for (let batch = 0; batch < 40; batch++) {
      await Promise.all(
        Array.from({ length: 50 }, () =>
          fetch(`${url}/v2/mutations/refuse`, {
            method: "POST",
            body: JSON.stringify({ input: {} }),
          }).then((response) => response.text()),
        ),
      );
    }
    const { rows } = await sql(
      "SELECT count(*)::int AS n, pg_total_relation_size('tidemark.mutation')::int AS bytes FROM tidemark.mutation WHERE error IS NOT NULL",
    );
    expect(rows[0]?.["n"]).toBeLessThan(1_500);
  });

  describe("8: one value does not stop the server", () => {
    beforeEach(() =>
      sql(
        "CREATE TABLE public.items (id int PRIMARY KEY, v int DEFAULT 0); INSERT INTO public.items VALUES (1)",
      ),
    );
    it.each([
      ["json", 5_500],
      ["jsonb", 6_000],
    ])("a server in a process of its own stays alive: %s nested %i deep", async (type, depth) => {
      await sql(
        `CREATE TABLE public.docs (id int PRIMARY KEY, j ${type}); INSERT INTO public.docs VALUES (1, (repeat('[', ${depth}) || repeat(']', ${depth}))::${type})`,
      );
      const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
      const child = spawn(
        process.execPath,
        [
          "--import",
          "tsx",
          main,
          "serve",
          "--postgres",
          admin(),
          "--port",
          String(await freePort()),
        ],
        {
          stdio: ["ignore", "pipe", "pipe"],
          cwd: fileURLToPath(new URL("../../..", import.meta.url)),
        },
      );
      let said = "";
      child.stdout.on("data", (data) => (said += String(data)));
      child.stderr.on("data", (data) => (said += String(data)));
      atEnd(() => child.kill("SIGKILL"));
      await expect
        .poll(
          () => said.includes("Serving") || said.includes("Explorer") || child.exitCode !== null,
          { timeout: 15_000 },
        )
        .toBe(true);
      await pause(1_500);
      expect({
        code: child.exitCode,
        said: child.exitCode === null ? "" : said.slice(-1_500),
      }).toEqual({ code: null, said: "" });
    });
    it("at start: text that becomes larger than Postgres's limit as JSON", async () => {
      await sql(
        "CREATE TABLE public.docs (id int PRIMARY KEY, t text); INSERT INTO public.docs VALUES (1, repeat(chr(1), 185000000))",
      );
      const { view } = await serve({}, undefined, "postgres");
      const items = view("items");
      await isLive(items);
      await sql("UPDATE public.items SET v = 1");
      await expect
        .poll(() => [items.getSnapshot().status, items.row("1")?.["v"]], { timeout: 8_000 })
        .toEqual(["live", 1]);
    });
    it.each([["text", "t text", "repeat(chr(1), 185000000)"]])(
      "while served: %s",
      async (_, column, value) => {
        await sql(`CREATE TABLE public.docs (id int PRIMARY KEY, ${column})`);
        const { view } = await serve({}, undefined, "postgres");
        const items = view("items");
        const docs = view("docs");
        await isLive(items);
        await isLive(docs);
        await sql(`INSERT INTO public.docs VALUES (1, ${value})`);
        await pause(1_500);
        await sql("UPDATE public.items SET v = 1");
        await expect
          .poll(() => [items.getSnapshot().status, items.row("1")?.["v"]], { timeout: 8_000 })
          .toEqual(["live", 1]);
      },
    );
  });
});
