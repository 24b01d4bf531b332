/**
 * Attacks on the Postgres source: each test says that it gains nothing. Most tables belong to mallory, who is
 * trusted with her tables where the test is about her types, casts and values, so that these are served.
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import pg from "pg";
import { z } from "zod";
import { hasPostgres, startPostgres, withClient, type PostgresServer, type PostgresVersion } from "../../../test/support/postgres-server.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { silent } from "../../../test/support/silent.ts";
import { createClient, MutationError, type LiveView } from "../../client/node.ts";
import { mutation } from "../../index.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { databaseOf, postgres, type PostgresReport, type PostgresSourceOptions } from "./index.ts";
import { diagnose } from "./diagnose.ts";
import { uninstall } from "./install.ts";
import { roleScript } from "./role-script.ts";

const VERSIONS: readonly PostgresVersion[] = [13, 18];
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(VERSIONS.filter((version) => hasPostgres(version)))("attacks on Postgres %s", (version) => {
  let server: PostgresServer;
  let admin: string;
  let count = 0;
  const as = (role: string): string => admin.replace("postgres@", `${role}@`);
  const sql = (text: string, role = "postgres"): Promise<pg.QueryResult> => withClient(as(role), (client) => client.query(text));
  /** What the attacker's code managed to do with the server's rights. */
  const gold = async (): Promise<readonly string[]> => (await sql("SELECT DISTINCT what || ' as ' || who AS line FROM vault.gold ORDER BY 1")).rows.map(({ line }) => String(line));

  beforeAll(async () => {
    server = await startPostgres(version);
    await server.sql("CREATE ROLE mallory LOGIN; CREATE ROLE srv LOGIN; CREATE ROLE app LOGIN");
  });
  afterAll(() => server.remove());

  /** Only the server's role may write into the vault. Mallory owns a schema and may create in public, as anyone may before 15. */
  beforeEach(async () => {
    const name = `attack_${++count}`;
    admin = await server.createDatabase(name);
    await sql(`
      GRANT CREATE ON DATABASE ${name} TO srv; GRANT CREATE ON SCHEMA public TO mallory;
      CREATE SCHEMA vault; GRANT USAGE ON SCHEMA vault TO srv; CREATE TABLE vault.gold (what text, who text); GRANT INSERT ON vault.gold TO srv;
      CREATE SCHEMA mal AUTHORIZATION mallory; GRANT USAGE ON SCHEMA mal TO PUBLIC`);
    await sql(`
      CREATE FUNCTION mal.hit(what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO vault.gold VALUES (what, current_user); EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;
      CREATE TYPE mal.mood AS ENUM ('sad', 'ok');
      CREATE FUNCTION mal.to_json(mal.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('enum to json'); RETURN '"ok"'; END $$;
      CREATE FUNCTION mal.to_text(mal.mood) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('enum to text'); RETURN 'ok'; END $$;
      CREATE FUNCTION mal.from_text(text) RETURNS mal.mood LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('text to enum'); RETURN 'ok'; END $$;
      CREATE FUNCTION mal.vol(what text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM mal.hit(what); RETURN 1; END $$`, "mallory");
  });
  const TRUSTED = ["mallory"];
  const TO_JSON = "CREATE CAST (mal.mood AS json) WITH FUNCTION mal.to_json(mal.mood);";
  const TO_TEXT = "CREATE CAST (mal.mood AS text) WITH FUNCTION mal.to_text(mal.mood);";
  const FROM_TEXT = "CREATE CAST (text AS mal.mood) WITH FUNCTION mal.from_text(text);";
  const GRANTS = "GRANT SELECT, TRIGGER ON ALL TABLES IN SCHEMA mal TO srv;";

  async function serve(options: Omit<PostgresSourceOptions, "database"> = {}, mutations?: Readonly<Record<string, unknown>>, role = "srv") {
    let report: PostgresReport | undefined;
    const tidemark = createTidemark({ sources: [postgres(as(role), { ...options, onInstalled: (found) => (report = found) })], catalog: true, logger: silent, ...(mutations !== undefined && { mutations: mutations as never }) });
    stops.push(() => tidemark.stop());
    const { url } = await tidemark.listen({ port: 0 });
    const client = createClient({ url: `${url}/v2/stream` });
    stops.push(() => client.close());
    const view = (channel: string): LiveView => {
      const live = client.live({ channel });
      live.subscribe(() => {});
      return live;
    };
    return { client, view, url, tidemark, report: report as PostgresReport | undefined };
  }
  const isLive = (view: LiveView): Promise<void> => expect.poll(() => view.getSnapshot().status, { timeout: 15_000 }).toBe("live");
  /** Serves while the attack takes place; that the table is refused, or the server does not start, is a defence. */
  async function during(act: () => unknown, ms = 500, options: Omit<PostgresSourceOptions, "database"> = { trustedOwners: TRUSTED }): Promise<void> {
    const served = await serve(options).catch(() => undefined);
    await act();
    if (served !== undefined) await pause(ms);
  }

  describe("1: the owner of a table does not become the server's role", () => {
    it("a: capture of an enum key with a cast to json", async () => {
      await sql(`${TO_JSON} CREATE TABLE mal.t (k mal.mood PRIMARY KEY, v int); ${GRANTS}`, "mallory");
      await during(() => sql("INSERT INTO mal.t VALUES ('sad', 1)", "mallory"));
      expect(await gold()).toEqual([]);
    });
    it("a: capture of a range key with a cast to json", async () => {
      await sql(`CREATE TYPE mal.r AS RANGE (subtype = mal.mood); CREATE FUNCTION mal.r_json(mal.r) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('range to json'); RETURN '"x"'; END $$;
        CREATE CAST (mal.r AS json) WITH FUNCTION mal.r_json(mal.r); CREATE TABLE mal.t (k mal.r PRIMARY KEY); ${GRANTS}`, "mallory");
      await during(() => sql("INSERT INTO mal.t VALUES ('[sad,ok]')", "mallory"));
      expect(await gold()).toEqual([]);
    });
    it("a: capture of a key whose type is named like a built-in one and is composite", async () => {
      await sql(`${TO_JSON} CREATE TYPE mal.uuid AS (m mal.mood); CREATE TABLE mal.t (k mal.uuid PRIMARY KEY); ${GRANTS}`, "mallory");
      await during(() => sql("INSERT INTO mal.t VALUES (ROW('sad'))", "mallory"));
      expect(await gold()).toEqual([]);
    });
    it("a: a key, and a column, that become another type while they are served", async () => {
      await sql(`${TO_JSON} CREATE TABLE mal.t (k text PRIMARY KEY, v text); ${GRANTS} INSERT INTO mal.t VALUES ('sad', 'sad')`, "mallory");
      await during(() => sql("ALTER TABLE mal.t ALTER k TYPE mal.mood USING k::mal.mood; UPDATE mal.t SET v = 'ok'", "mallory"));
      expect(await gold()).toEqual([]);
    });
    it("b: a plain column that becomes an enum: row_to_json as the reader", async () => {
      await sql(`${TO_JSON} CREATE TABLE mal.t (id int PRIMARY KEY, v boolean); ${GRANTS} INSERT INTO mal.t VALUES (1, true)`, "mallory");
      await during(() => sql("BEGIN; UPDATE mal.t SET v = false; ALTER TABLE mal.t ALTER v TYPE mal.mood USING 'sad'; COMMIT", "mallory"));
      expect(await gold()).toEqual([]);
    });
    it("b: an array of enums, cast to text[]", async () => {
      await sql(`${TO_TEXT} CREATE TABLE mal.t (id int PRIMARY KEY, a mal.mood[]); ${GRANTS} INSERT INTO mal.t VALUES (1, '{sad}')`, "mallory");
      await during(() => undefined);
      expect(await gold()).toEqual([]);
    });
    it("b: an array whose elements are named like a plain type", async () => {
      await sql(`CREATE TYPE mal.int4 AS ENUM ('a'); CREATE FUNCTION mal.j(mal.int4) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('int4 to json'); RETURN '1'; END $$;
        CREATE CAST (mal.int4 AS json) WITH FUNCTION mal.j(mal.int4); CREATE TABLE mal.t (id int PRIMARY KEY, a mal.int4[]); ${GRANTS} INSERT INTO mal.t VALUES (1, '{a}')`, "mallory");
      await during(() => undefined);
      expect(await gold()).toEqual([]);
    });
    it("b: an enum key is looked up through a cast from text", async () => {
      await sql(`${FROM_TEXT} CREATE TABLE mal.t (k mal.mood PRIMARY KEY, v int); ${GRANTS}`, "mallory");
      await during(() => sql("INSERT INTO mal.t VALUES ('sad', 1)", "mallory"));
      expect(await gold()).toEqual([]);
    });
    it("b: a key of a domain over a domain runs its check", async () => {
      await sql(`CREATE FUNCTION mal.checks(pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('domain check'); RETURN true; END $$;
        CREATE DOMAIN mal.text AS pg_catalog.text CHECK (mal.checks(VALUE)); CREATE DOMAIN mal.d AS mal.text; CREATE TABLE mal.t (k mal.d PRIMARY KEY, v int); ${GRANTS}`, "mallory");
      await during(() => sql("INSERT INTO mal.t VALUES ('x', 1)", "mallory"));
      expect(await gold()).toEqual([]);
    });
    it.each([
      ["an index's expression", "CREATE TABLE mal.t (id int PRIMARY KEY, v int); CREATE INDEX ON mal.t ((v + mal.vol('index expression')))"],
      ["an index's predicate", "CREATE TABLE mal.t (id int PRIMARY KEY, v int); CREATE INDEX ON mal.t (v) WHERE v > mal.vol('index predicate')"],
      ["extended statistics", "CREATE TABLE mal.t (id int PRIMARY KEY, v int); CREATE STATISTICS mal.st ON (v + mal.vol('extended statistics')), id FROM mal.t"],
    ])("b: planning a read runs %s", async (kind, table) => {
      if (kind === "extended statistics" && version < 14) return;
      await sql(`${table}; ${GRANTS} INSERT INTO mal.t VALUES (1, 1); `, "mallory");
      await during(() => sql("UPDATE mal.t SET v = 2", "mallory"), 500, {});
      expect(await gold()).toEqual([]);
    });
    it("b: a view takes the table's name while it is served", async () => {
      await sql(`CREATE TABLE mal.t (id int PRIMARY KEY, v int); ${GRANTS} INSERT INTO mal.t VALUES (1, 1)`, "mallory");
      await during(() => sql(`BEGIN; UPDATE mal.t SET v = 2; ALTER TABLE mal.t RENAME TO old; CREATE FUNCTION mal.seen(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('view'); RETURN $1; END $$;
        CREATE VIEW mal.t AS SELECT id, mal.seen(v) AS v FROM mal.old; GRANT SELECT ON mal.t TO srv; COMMIT`, "mallory"));
      expect(await gold()).toEqual([]);
    });
    it("b: a policy's function, enabled while the table is served", async () => {
      await sql(`CREATE TABLE mal.t (id int PRIMARY KEY, v int); ${GRANTS} INSERT INTO mal.t VALUES (1, 1);
        CREATE FUNCTION mal.policy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('policy'); RETURN true; END $$`, "mallory");
      await during(() => sql("ALTER TABLE mal.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON mal.t USING (mal.policy()); UPDATE mal.t SET v = 2", "mallory"));
      expect(await gold()).toEqual([]);
    });

    describe("c: the guard of a mutation", () => {
      const mutations = { set: mutation({ input: z.object({ key: z.string() }), row: ({ key }) => ({ channel: "items", key }), handler: () => undefined }) };
      async function guarded(key: string, run: () => Promise<unknown>): Promise<void> {
        await run();
        const { client, view } = await serve({ tables: ["public.items"] }, mutations);
        await isLive(view("items"));
        const seen = client.position?.seq ?? 0;
        const mutate = client.mutate as unknown as { set(input: unknown, options: unknown): Promise<unknown> };
        // While another transaction, which the reader has not read yet, wrote another row.
        await withClient(admin, async (other) => {
          await other.query(`BEGIN; SELECT FROM public.items WHERE v = 2 FOR UPDATE; UPDATE public.items SET v = 4 WHERE v = 3`);
          const mutated = mutate.set({ key }, { expectedSeq: seen }).catch(() => undefined);
          await pause(300);
          await other.query("COMMIT");
          await mutated;
        });
      }
      const items = (type: string, value: string, other: string): Promise<unknown> =>
        sql(`CREATE TABLE public.items (k ${type} PRIMARY KEY, v int); INSERT INTO public.items VALUES ('${value}', 2), ('${other}', 3); GRANT SELECT, UPDATE, TRIGGER ON public.items TO srv`);
      const operator = (type: string): Promise<unknown> =>
        sql(`CREATE FUNCTION public.eq(${type}, ${type}) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('operator'); RETURN true; END $$;
          CREATE OPERATOR public.= (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = public.eq)`, "mallory");

      it("does not use a stranger's operator: enum", async () => {
        await items("mal.mood", "sad", "ok");
        await guarded("sad", () => operator("mal.mood"));
        expect(await gold()).toEqual([]);
      });
      it("does not use a stranger's operator, on a table and types that are none of hers: varchar", async () => {
        await items("varchar", "a", "b");
        await guarded("a", () => operator("varchar"));
        expect(await gold()).toEqual([]);
      });
      it("does not call a stranger's function that is named like a built-in one", async () => {
        await items("int", "1", "2");
        await guarded("1", () => sql("CREATE FUNCTION public.jsonb_build_array(int) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('jsonb_build_array'); RETURN '[]'; END $$", "mallory"));
        expect(await gold()).toEqual([]);
      });
    });

    it.each(["1", "2"])("d: a schema tidemark that someone else made, with the comment of version %s", async (made) => {
      await sql(`GRANT CREATE ON DATABASE attack_${count} TO mallory; CREATE TABLE public.items (id int PRIMARY KEY); GRANT SELECT, TRIGGER ON public.items TO srv`);
      await sql(`CREATE SCHEMA tidemark; COMMENT ON SCHEMA tidemark IS 'Tidemark change capture, version ${made}. Remove with: tidemark uninstall'; GRANT ALL ON SCHEMA tidemark TO PUBLIC;
        CREATE TABLE tidemark.outbox (xid xid8 NOT NULL, tab bigint NOT NULL, key jsonb, delta smallint NOT NULL); CREATE SEQUENCE tidemark.lease MINVALUE 0;
        CREATE TABLE tidemark.alive (id text PRIMARY KEY); CREATE TABLE tidemark.reader (id text PRIMARY KEY, position pg_snapshot, lease_until timestamptz NOT NULL);
        CREATE FUNCTION mal.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('squatted schema'); RETURN NEW; END $$;
        CREATE TRIGGER trap BEFORE INSERT ON tidemark.reader FOR EACH ROW EXECUTE FUNCTION mal.trap();
        GRANT ALL ON ALL TABLES IN SCHEMA tidemark TO PUBLIC; GRANT ALL ON ALL SEQUENCES IN SCHEMA tidemark TO PUBLIC`, "mallory");
      // A superuser may mend even a former version's; another role does not get that far.
      await serve({}, undefined, made === "1" ? "postgres" : "srv").catch(() => undefined);
      expect(await gold()).toEqual([]);
    });
  });

  describe("2: one table does not stop the others", () => {
    beforeEach(() => sql("CREATE TABLE public.items (id int PRIMARY KEY, v int DEFAULT 0); INSERT INTO public.items VALUES (1); GRANT SELECT, TRIGGER ON public.items TO srv"));
    /** The good table goes on. */
    async function goesOn(items: LiveView, value: number, timeout = 6_000): Promise<void> {
      await sql(`UPDATE public.items SET v = ${value}`);
      await expect.poll(() => [items.getSnapshot().status, items.row("1")?.["v"]], { timeout }).toEqual(["live", value]);
    }
    it("a: a type with an implicit cast, which makes its = ambiguous", async () => {
      await sql(`CREATE CAST (mal.mood AS text) WITH FUNCTION mal.to_text(mal.mood) AS IMPLICIT; CREATE TABLE mal.t (k mal.mood PRIMARY KEY); ${GRANTS}`, "mallory");
      const { view } = await serve({ trustedOwners: TRUSTED });
      await goesOn(view("items"), 1);
    });
    it("b: a key that can't be read back: a time zone that only output takes", async () => {
      await sql(`CREATE TABLE mal.t (k timestamptz PRIMARY KEY); ${GRANTS}`, "mallory");
      const { view } = await serve({ trustedOwners: TRUSTED });
      const items = view("items");
      await isLive(items);
      await sql("SET TIME ZONE INTERVAL '-23:00' HOUR TO MINUTE; INSERT INTO mal.t VALUES (now())", "mallory");
      await goesOn(items, 1);
    });
    it("b: a key that is no longer one: an enum's value renamed in the same transaction", async () => {
      await sql(`CREATE TABLE mal.t (k mal.mood PRIMARY KEY); ${GRANTS}`, "mallory");
      const { view } = await serve({ trustedOwners: TRUSTED });
      const items = view("items");
      await isLive(items);
      await sql("BEGIN; INSERT INTO mal.t VALUES ('sad'); ALTER TYPE mal.mood RENAME VALUE 'sad' TO 'glad'; COMMIT", "mallory");
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
    it("d: writers of a table that is not the server's to drop triggers from are left alone in the end", async () => {
      await sql(`CREATE TABLE mal.t (k int PRIMARY KEY, v int); ${GRANTS}`, "mallory");
      await serve({ trustedOwners: TRUSTED });
      await sql("ALTER TABLE mal.t RENAME k TO k2", "mallory");
      await pause(7_000);
      await sql("INSERT INTO mal.t VALUES (1, 1)", "mallory");
    });
    it("e: a stranger holds the advisory lock", async () => {
      await withClient(as("app"), async (client) => {
        await client.query("SELECT pg_advisory_lock(7431905)");
        const started = serve({ trustedOwners: TRUSTED });
        started.catch(() => {});
        expect(await Promise.race([started.then(() => "started"), pause(8_000).then(() => "blocked")])).toBe("started");
      });
    });
    it("f: uninstall works where the server's role may create triggers only", async () => {
      await sql(`CREATE TABLE mal.t (k int PRIMARY KEY, v int); ${GRANTS}`, "mallory");
      const { tidemark } = await serve({ trustedOwners: TRUSTED });
      await tidemark.stop();
      const session = await databaseOf(as("srv")).connect();
      stops.push(() => session.close());
      await uninstall(session, 1_000);
      expect((await sql("SELECT count(*)::int AS n FROM pg_trigger WHERE tgname LIKE 'tidemark%'")).rows).toEqual([{ n: 0 }]);
    });
  });

  it.each(["ENABLE ROW LEVEL SECURITY", "ENABLE ROW LEVEL SECURITY; ALTER TABLE public.items FORCE ROW LEVEL SECURITY; ALTER TABLE public.items OWNER TO srv"])("3: rows are not hidden in silence after %s", async (change) => {
    await sql("CREATE TABLE public.items (id int PRIMARY KEY, v int DEFAULT 0); INSERT INTO public.items VALUES (1), (2); GRANT SELECT, TRIGGER ON public.items TO srv");
    const { view } = await serve();
    const items = view("items");
    await isLive(items);
    await sql(`ALTER TABLE public.items ${change}`);
    await sql("UPDATE public.items SET v = 1 WHERE id = 1");
    await pause(8_000);
    // Stale is fine, live with a row missing is a lie.
    const { status, keys } = items.getSnapshot();
    expect(status === "live" ? keys.length : 2).toBe(2);
  });

  it("3: the role that doctor prints serves tables of another owner, and is no superuser", async () => {
    await sql(`CREATE TABLE public.items (id int PRIMARY KEY, v int DEFAULT 0); INSERT INTO public.items VALUES (1); ALTER TABLE public.items OWNER TO app`);
    await sql(await roleScript(admin, `reader_${version}_${count}`));
    const found = await serve({ trustedOwners: ["app"] }, undefined, `reader_${version}_${count}`);
    const items = found.view("items");
    await isLive(items);
    await sql("UPDATE public.items SET v = 1", "app");
    await expect.poll(() => items.row("1")?.["v"]).toBe(1);
    expect(found.report?.warnings).toEqual([expect.stringContaining("session_replication_role")]);
    const asked = await diagnose(as(`reader_${version}_${count}`));
    expect(asked.map(({ isGood }) => isGood)).toEqual([true, true, true, true]);
  });

  describe("4: names", () => {
    beforeEach(async () => {
      await sql("CREATE SCHEMA sales; CREATE TABLE sales.orders (id int PRIMARY KEY, v text); INSERT INTO sales.orders VALUES (1, 'real'); GRANT USAGE ON SCHEMA sales TO srv; GRANT SELECT, TRIGGER ON sales.orders TO srv");
    });
    const fake = (name: string) => sql(`CREATE TABLE ${name} (id int PRIMARY KEY, v text); INSERT INTO ${name} VALUES (1, 'fake'); GRANT SELECT, TRIGGER ON ${name} TO srv`, "mallory");
    it.each([[undefined], [["sales.orders"]]])('public."sales.orders" does not take the channel of sales.orders (tables: %s)', async (tables) => {
      await fake('public."sales.orders"');
      const { view } = await serve({ tables }).catch(() => ({ view: undefined }));
      if (view === undefined) return;
      const orders = view("sales.orders");
      await isLive(orders);
      expect(orders.row("1")?.["v"]).toBe("real");
    });
    it("a table of the same name in public, made later, is not served in place of the one that was named", async () => {
      await fake("public.orders");
      const found = await serve({ tables: ["orders"] }).catch(() => undefined);
      expect(found?.report?.tables ?? []).not.toContain("orders");
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
    const names = async () => (await sql("SELECT tgname FROM pg_trigger WHERE tgname = 'tidemark_own_audit'")).rowCount;
    const session = await databaseOf(admin).connect();
    stops.push(() => session.close());
    await tidemark.stop();
    await uninstall(session, 1_000);
    expect(await names()).toBe(1);
  });

  it("6: a role that was granted nothing can't fill the outbox", async () => {
    await sql("CREATE TABLE public.items (id int PRIMARY KEY)");
    await serve({}, undefined, "postgres");
    await sql("BEGIN; SELECT count(tidemark.position()) FROM generate_series(1, 20000); SELECT pg_sleep(0); COMMIT", "app").catch(() => undefined);
    expect((await sql("SELECT has_function_privilege('app', 'tidemark.position()', 'EXECUTE') AS may")).rows).toEqual([{ may: false }]);
  });

  it("6: who may mark writes one row per transaction", async () => {
    await sql("CREATE TABLE public.items (id int PRIMARY KEY)");
    await serve({}, undefined, "postgres");
    await withClient(admin, async (client) => {
      await client.query("BEGIN");
      await client.query("SELECT count(tidemark.position()) FROM generate_series(1, 20000)");
      const { rows } = await client.query("SELECT count(*)::int AS n FROM tidemark.outbox WHERE xid = pg_current_xact_id()");
      await client.query("COMMIT");
      expect(rows).toEqual([{ n: 1 }]);
    });
  });

  it("7: refusals are remembered within a bound", async () => {
    await sql("CREATE TABLE public.items (id int PRIMARY KEY)");
    const refuse = mutation({ input: z.object({}), handler: () => { throw new MutationError("NO", "x".repeat(1_000)); } });
    const { url } = await serve({}, { refuse }, "postgres");
    for (let batch = 0; batch < 40; batch++) {
      await Promise.all(Array.from({ length: 50 }, () => fetch(`${url}/v2/mutations/refuse`, { method: "POST", body: JSON.stringify({ input: {} }) }).then((response) => response.text())));
    }
    const { rows } = await sql("SELECT count(*)::int AS n, pg_total_relation_size('tidemark.mutation')::int AS bytes FROM tidemark.mutation WHERE error IS NOT NULL");
    expect(rows[0]?.["n"]).toBeLessThan(1_500);
  });

  describe("8: one value does not stop the server", () => {
    beforeEach(() => sql("CREATE TABLE public.items (id int PRIMARY KEY, v int DEFAULT 0); INSERT INTO public.items VALUES (1)"));
    it.each([["json", 5_500], ["jsonb", 6_000]])("a server that is a process of its own lives on: %s nested %i deep", async (type, depth) => {
      await sql(`CREATE TABLE public.docs (id int PRIMARY KEY, j ${type}); INSERT INTO public.docs VALUES (1, (repeat('[', ${depth}) || repeat(']', ${depth}))::${type})`);
      const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
      const child = spawn(process.execPath, ["--import", "tsx", main, "serve", "--postgres", admin, "--port", String(await freePort())], { stdio: ["ignore", "pipe", "pipe"], cwd: fileURLToPath(new URL("../../..", import.meta.url)) });
      let said = "";
      child.stdout.on("data", (data) => (said += String(data)));
      child.stderr.on("data", (data) => (said += String(data)));
      stops.push(() => child.kill("SIGKILL"));
      await expect.poll(() => said.includes("Serving") || said.includes("Explorer") || child.exitCode !== null, { timeout: 15_000 }).toBe(true);
      await pause(1_500);
      expect({ code: child.exitCode, said: child.exitCode === null ? "" : said.slice(-1_500) }).toEqual({ code: null, said: "" });
    });
    it("at start: text that grows past what Postgres takes as JSON", async () => {
      await sql("CREATE TABLE public.docs (id int PRIMARY KEY, t text); INSERT INTO public.docs VALUES (1, repeat(chr(1), 185000000))");
      const { view } = await serve({}, undefined, "postgres");
      const items = view("items");
      await isLive(items);
      await sql("UPDATE public.items SET v = 1");
      await expect.poll(() => [items.getSnapshot().status, items.row("1")?.["v"]], { timeout: 8_000 }).toEqual(["live", 1]);
    });
    it.each([["text", "t text", "repeat(chr(1), 185000000)"]])("while served: %s", async (_, column, value) => {
      await sql(`CREATE TABLE public.docs (id int PRIMARY KEY, ${column})`);
      const { view } = await serve({}, undefined, "postgres");
      const items = view("items");
      const docs = view("docs");
      await isLive(items);
      await isLive(docs);
      await sql(`INSERT INTO public.docs VALUES (1, ${value})`);
      await pause(1_500);
      await sql("UPDATE public.items SET v = 1");
      await expect.poll(() => [items.getSnapshot().status, items.row("1")?.["v"]], { timeout: 8_000 }).toEqual(["live", 1]);
    });
  });
});
