/**
 * A Postgres for tests of attacks. Mallory owns a schema with types, casts and functions that write
 * into a vault when they run with the server's rights. The server's own role `srv` is no superuser.
 */
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { createClient, type LiveView } from "../../src/client/node.ts";
import { createTidemark } from "../../src/server/tidemark.ts";
import {
  postgres,
  type PostgresReport,
  type PostgresOptions,
} from "../../src/sources/postgres/index.ts";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresServer,
  type PostgresVersion,
} from "./postgres-server.ts";
import { pause } from "./served-database.ts";
import { silent } from "./silent.ts";

export const VERSIONS = ([13, 18] as const).filter((version) => hasPostgres(version));
export const TRUSTED = ["mallory"];
export const TO_JSON = "CREATE CAST (mal.mood AS json) WITH FUNCTION mal.to_json(mal.mood);";
export const TO_TEXT = "CREATE CAST (mal.mood AS text) WITH FUNCTION mal.to_text(mal.mood);";
export const FROM_TEXT = "CREATE CAST (text AS mal.mood) WITH FUNCTION mal.from_text(text);";
export const GRANTS = "GRANT SELECT, TRIGGER ON ALL TABLES IN SCHEMA mal TO srv;";
type Options = PostgresOptions;

export const isLive = (view: LiveView): Promise<void> =>
  expect.poll(() => view.getSnapshot().status, { timeout: 15_000 }).toBe("live");

/** Call this in a `describe`: it starts one server for it, and makes one database for each test. */
export function attackedPostgres(version: PostgresVersion) {
  let server: PostgresServer;
  let admin: string;
  let count = 0;
  const stops: (() => unknown)[] = [];
  const as = (role: string): string => admin.replace("postgres@", `${role}@`);
  const sql = (text: string, role = "postgres"): Promise<pg.QueryResult> =>
    withClient(as(role), (client) => client.query(text));

  beforeAll(async () => {
    server = await startPostgres(version);
    await server.sql("CREATE ROLE mallory LOGIN; CREATE ROLE srv LOGIN; CREATE ROLE app LOGIN");
  });
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });
  afterAll(() => server.remove());

  /**
   * Only the server's role may write into the vault. Mallory may create in her schema and in
   * public, as all roles may before Postgres 15.
   */
  beforeEach(async () => {
    const name = `attack_${++count}`;
    admin = await server.createDatabase(name);
    await sql(`
      GRANT CREATE ON DATABASE ${name} TO srv; GRANT CREATE ON SCHEMA public TO mallory;
      CREATE SCHEMA vault; GRANT USAGE ON SCHEMA vault TO srv; CREATE TABLE vault.gold (what text, who text); GRANT INSERT ON vault.gold TO srv;
      CREATE SCHEMA mal AUTHORIZATION mallory; GRANT USAGE ON SCHEMA mal TO PUBLIC`);
    await sql(
      `
      CREATE FUNCTION mal.hit(what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO vault.gold VALUES (what, current_user); EXCEPTION WHEN insufficient_privilege THEN NULL; END $$;
      CREATE TYPE mal.mood AS ENUM ('sad', 'ok');
      CREATE FUNCTION mal.to_json(mal.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('enum to json'); RETURN '"ok"'; END $$;
      CREATE FUNCTION mal.to_text(mal.mood) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('enum to text'); RETURN 'ok'; END $$;
      CREATE FUNCTION mal.from_text(text) RETURNS mal.mood LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('text to enum'); RETURN 'ok'; END $$;
      CREATE FUNCTION mal.vol(what text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM mal.hit(what); RETURN 1; END $$`,
      "mallory",
    );
  });

  async function serve(
    options: Options = {},
    mutations?: Readonly<Record<string, unknown>>,
    role = "srv",
  ) {
    let report: PostgresReport | undefined;
    const tidemark = createTidemark({
      sources: [postgres(as(role), { ...options, onInstalled: (found) => (report = found) })],
      catalog: true,
      logger: silent,
      ...(mutations !== undefined && { mutations: mutations as never }),
    });
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

  return {
    as,
    sql,
    serve,
    /** The superuser's address of this test's database. */
    admin: () => admin,
    database: () => `attack_${count}`,
    atEnd: (stop: () => unknown) => void stops.push(stop),
    /** What the attacker's code did with the server's rights. */
    gold: async (): Promise<readonly string[]> =>
      (
        await sql("SELECT DISTINCT what || ' as ' || who AS line FROM vault.gold ORDER BY 1")
      ).rows.map(({ line }) => String(line)),
    /**
     * Serves mallory's table while she attacks. With `refused` the table must not be served, and
     * the reason must begin with that text.
     */
    during: async (
      act: () => unknown,
      { refused, ...options }: Options & { readonly refused?: string } = {},
    ): Promise<void> => {
      await sql(
        "CREATE TABLE public.plain (id int PRIMARY KEY); GRANT SELECT, TRIGGER ON public.plain TO srv",
      );
      const { report } = await serve({ trustedOwners: TRUSTED, ...options });
      expect(report?.tables).toEqual(refused === undefined ? ["mal.t", "plain"] : ["plain"]);
      if (refused !== undefined)
        expect(report?.refused.find(({ table }) => table === "mal.t")?.reason).toContain(refused);
      await act();
      await pause(500);
    },
  };
}
