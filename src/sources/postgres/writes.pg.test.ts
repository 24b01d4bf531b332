/**
 * Mutations on the oldest and the newest supported Postgres, and on PGlite: each runs once, in
 * order, is remembered, and is refused when stale.
 */
import type { PGlite } from "@electric-sql/pglite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { createPGlite } from "../../../test/support/pglite.ts";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresServer,
  type PostgresVersion,
} from "../../../test/support/postgres-server.ts";
import { silent } from "../../../test/support/silent.ts";
import { createClient, MutationError } from "../../client/node.ts";
import { mutation } from "../../index.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { databaseOf } from "./database-address.ts";
import { postgres, type PostgresOptions } from "./index.ts";
import { uninstall } from "./install.ts";

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const input = z.object({ id: z.number(), value: z.string() });
const row = ({ id }: { id: number }): { channel: string; key: string } => ({
  channel: "items",
  key: String(id),
});
const mutations = {
  items: {
    set: mutation({
      input,
      row,
      handler: async ({ input: { id, value }, tx }) => {
        if (value === "refuse") throw new MutationError("REFUSED", "Not this.", { data: { id } });
        const { rowCount } = await tx.query("UPDATE items SET value = $2 WHERE id = $1", [
          id,
          value,
        ]);
        return { rowCount };
      },
    }),
    /**
     * Writes in a savepoint, as ORMs do, so that the row's writer has a transaction id of its own.
     */
    setInSavepoint: mutation({
      input,
      row,
      handler: async ({ input: { id, value }, tx }) => {
        await tx.query("SAVEPOINT s");
        await tx.query("UPDATE items SET value = $2 WHERE id = $1", [id, value]);
        await tx.query("RELEASE SAVEPOINT s");
      },
    }),
    echo: mutation({
      input,
      handler: ({ input: { value } }) => {
        throw new MutationError("ECHO", `no ${value}`);
      },
    }),
    broken: mutation({
      input: z.object({}),
      handler: async ({ tx }) => {
        await tx.query("UPDATE items SET value = 'half done'");
        await tx.query("SELECT 1 / 0");
      },
    }),
  },
};

async function serve(address: string | PGlite, options: Partial<PostgresOptions> = {}) {
  const tidemark = createTidemark({
    sources: [postgres(address, { tables: ["items"], ...options })],
    mutations,
    logger: silent,
  });
  stops.push(() => tidemark.stop());
  const { url } = await tidemark.listen({ port: 0 });
  const client = createClient<
    Record<string, { rowType?: { id: number; value: string } }>,
    typeof mutations
  >({ url: `${url}/v2/stream`, backoff: { firstMs: 20, delaysMs: [20, 40, 80] } });
  stops.push(() => client.close());
  const view = client.live({ channel: "items" });
  view.subscribe(() => {});
  await expect.poll(() => view.getSnapshot().status).toBe("live");
  const post = async (name: string, body: unknown) => {
    const response = await fetch(`${url}/v2/mutations/${name}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    return {
      status: response.status,
      ...((await response.json()) as { seq?: number; code?: string }),
    };
  };
  return { tidemark, url, client, view, post };
}

const SERVERS = ["13", "18", "PGlite"] as const;

const TO_VERSION_2 = `ALTER TABLE tidemark.reader RENAME COLUMN snapshot TO position;
  ALTER FUNCTION tidemark.txid() RENAME TO position;
  DROP TABLE tidemark.installing; DROP INDEX tidemark.mutation_refused;
  ALTER TABLE tidemark.mutation DROP COLUMN caller;
  COMMENT ON SCHEMA tidemark IS 'Tidemark change capture, version 2. Remove with: tidemark uninstall'`;

describe.each(
  SERVERS.filter((name) => name === "PGlite" || hasPostgres(Number(name) as PostgresVersion)),
)("mutations on %s", (name) => {
  let server: PostgresServer | undefined;
  let address: string | PGlite;
  let sql: (text: string) => Promise<{ rows: Record<string, unknown>[] }>;
  let count = 0;

  beforeAll(async () => {
    if (name !== "PGlite") server = await startPostgres(Number(name) as PostgresVersion);
  });
  afterAll(() => server?.remove());
  beforeEach(async () => {
    if (server === undefined) {
      const pglite = await createPGlite();
      [address, sql] = [
        pglite,
        (text) =>
          pglite.exec(text).then((results) => ({
            rows: (results.at(-1)?.rows ?? []) as Record<string, unknown>[],
          })),
      ];
    } else {
      const url = await server.createDatabase(`writes_${++count}`);
      [address, sql] = [
        url,
        (text) =>
          withClient(url, (client) => client.query(text)) as Promise<{
            rows: Record<string, unknown>[];
          }>,
      ];
    }
    await sql(
      "CREATE TABLE items (id int PRIMARY KEY, value text NOT NULL); INSERT INTO items VALUES (1, 'first'), (2, 'first')",
    );
  });

  it("resolves when the rows have arrived, also when nothing was changed", async () => {
    const { client, view } = await serve(address);
    expect(await client.mutate.items.set({ id: 1, value: "second" })).toEqual({ rowCount: 1 });
    expect(view.row("1")).toEqual({ id: 1, value: "second" });
    expect(await client.mutate.items.set({ id: 99, value: "nobody" })).toEqual({ rowCount: 0 });
  });

  it("runs an id once, across restarts of the server, and keeps refusals", async () => {
    const first = await serve(address);
    const write = { mutation_id: "the-only-one", input: { id: 1, value: "once" } };
    const refused = { mutation_id: "never-this-one", input: { id: 1, value: "refuse" } };
    expect(await first.post("items.set", write)).toMatchObject({
      status: 200,
      value: { rowCount: 1 },
    });
    expect(await first.post("items.set", refused)).toMatchObject({
      status: 400,
      code: "REFUSED",
      data: { id: 1 },
    });
    await sql("UPDATE items SET value = 'by another' WHERE id = 1");
    await first.tidemark.stop();
    const second = await serve(address);
    expect(await second.post("items.set", write)).toMatchObject({
      status: 200,
      value: { rowCount: 1 },
    });
    expect(await second.post("items.set", refused)).toMatchObject({ status: 400, code: "REFUSED" });
    expect(
      await second.post("items.set", { ...write, input: { id: 1, value: "twice" } }),
    ).toMatchObject({ status: 409, code: "MUTATION_CONFLICT" });
    expect((await sql("SELECT value FROM items WHERE id = 1")).rows).toEqual([
      { value: "by another" },
    ]);
  });

  it("rolls back a failed mutation, hides the reason, and uses the connection for the next one", async () => {
    const { post, client } = await serve(address);
    const failed = await post("items.broken", { input: {} });
    expect(failed).toMatchObject({ status: 500, code: "MUTATION_FAILED" });
    expect(JSON.stringify(failed)).not.toContain("zero");
    expect((await sql("SELECT DISTINCT value FROM items")).rows).toEqual([{ value: "first" }]);
    expect(await client.mutate.items.set({ id: 2, value: "next" })).toEqual({ rowCount: 1 });
  });

  it("refuses a write whose row others changed after the expected seq, read or not, and returns the row", async () => {
    const { client, view } = await serve(address);
    const seen = view.getSnapshot().seq;
    await sql("UPDATE items SET value = 'theirs' WHERE id = 1");
    // Without waiting: the reader may not have read the change yet.
    await expect(
      client.mutate.items.set({ id: 1, value: "mine" }, { expectedSeq: seen }),
    ).rejects.toMatchObject({ code: "STALE_WRITE", row: { id: 1, value: "theirs" } });
    await expect.poll(() => view.row("1")).toEqual({ id: 1, value: "theirs" });
    await expect(
      client.mutate.items.set({ id: 1, value: "mine" }, { expectedSeq: seen }),
    ).rejects.toMatchObject({ code: "STALE_WRITE" });
    // The change has been read. The caller's own writes in between do not make the row stale.
    const now = client.cursor?.seq ?? 0;
    const [a, b] = [
      client.mutate.items.set({ id: 1, value: "mine" }, { expectedSeq: now }),
      client.mutate.items.set({ id: 1, value: "mine again" }, { expectedSeq: now }),
    ];
    expect(await Promise.all([a, b])).toEqual([{ rowCount: 1 }, { rowCount: 1 }]);
    await sql("DELETE FROM items WHERE id = 2");
    await expect(
      client.mutate.items.set({ id: 2, value: "gone" }, { expectedSeq: now }),
    ).rejects.toMatchObject({ code: "STALE_WRITE", row: null });
  });

  it("accepts a write whose row is unchanged, after any time and any other writes of the database", async () => {
    const { client, view } = await serve(address);
    await sql("CREATE TABLE elsewhere (n int)");
    for (const value of ["a", "b"]) {
      await sql(`UPDATE items SET value = '${value}' WHERE id = 2`);
      await expect.poll(() => view.row("2")).toEqual({ id: 2, value });
    }
    await sql("INSERT INTO elsewhere VALUES (1)");
    // By then the reader has deleted the captured changes.
    await expect
      .poll(
        async () =>
          (await sql("SELECT count(*)::int AS left FROM tidemark.outbox WHERE tab <> 0")).rows[0]?.[
            "left"
          ],
        { timeout: 6_000 },
      )
      .toBe(0);
    await sql("INSERT INTO elsewhere VALUES (2)");
    expect(
      await client.mutate.items.set(
        { id: 2, value: "c" },
        { expectedSeq: client.cursor?.seq ?? 0 },
      ),
    ).toEqual({ rowCount: 1 });
  });

  it("loses no row of a mutation that is too large for one commit", async () => {
    await sql("INSERT INTO items SELECT n, 'many' FROM generate_series(10, 109) n");
    const many = {
      all: mutation({
        input: z.object({}),
        handler: async ({ tx }) => void (await tx.query("UPDATE items SET value = 'all'")),
      }),
    };
    const tidemark = createTidemark({
      sources: [postgres(address, { tables: ["items"], limits: { commitRowsMax: 20 } })],
      mutations: many,
      logger: silent,
    });
    stops.push(() => tidemark.stop());
    const { url } = await tidemark.listen({ port: 0 });
    const client = createClient<
      Record<string, { rowType?: { id: number; value: string } }>,
      typeof many
    >({ url: `${url}/v2/stream` });
    stops.push(() => client.close());
    const view = client.live({ channel: "items" });
    view.subscribe(() => {});
    await expect.poll(() => view.getSnapshot().rows.length).toBe(102);
    await client.mutate.all({});
    expect(new Set(view.getSnapshot().rows.map(({ value }) => value))).toEqual(new Set(["all"]));
  });

  it("remembers refusals and values that hold any text", async () => {
    const { post } = await serve(address);
    const odd = { mutation_id: "an-odd-text-1", input: { id: 1, value: "nul \u0000 and \ud800" } };
    const [first, second] = [await post("items.echo", odd), await post("items.echo", odd)];
    expect([first.status, second.status, (second as { message?: string }).message]).toEqual([
      400,
      400,
      "no nul \u0000 and \ud800",
    ]);
  });

  it("finds a change that was made in a savepoint, too", async () => {
    const { client, view, post } = await serve(address);
    const seen = view.getSnapshot().seq;
    expect(await post("items.setInSavepoint", { input: { id: 1, value: "theirs" } })).toMatchObject(
      { status: 200 },
    );
    await expect(
      client.mutate.items.set({ id: 1, value: "mine" }, { expectedSeq: seen }),
    ).rejects.toMatchObject({ code: "STALE_WRITE", row: { id: 1, value: "theirs" } });
  });

  it("awaits the application's own transaction, also one that changes nothing", async () => {
    const { tidemark, client, view } = await serve(address);
    const run = async (text: string): Promise<{ txid: string }> => {
      if (typeof address !== "string")
        return {
          txid: await address.transaction(async (tx) => {
            await tx.query(text);
            return tidemark.txid(tx);
          }),
        };
      return withClient(address, async (own) => {
        await own.query("BEGIN");
        await own.query(text);
        const txid = await tidemark.txid(own);
        await own.query("COMMIT");
        return { txid };
      });
    };
    const { txid } = await client.write({
      run: () => run("UPDATE items SET value = 'own way' WHERE id = 1"),
      optimistic: { channel: "items", key: "1", set: { value: "own way" } },
    });
    expect(txid).toMatch(/^postgres:\d+$/);
    expect(view.row("1")).toEqual({ id: 1, value: "own way" });
    // The transaction changed no visible row.
    await client.write({ run: () => run("UPDATE items SET value = value WHERE false") });
    expect(client.pendingWrites.getSnapshot()).toEqual([]);
  });

  it("upgrades an installation of version 1, and uninstalls without a trace", async () => {
    const first = await serve(address);
    await first.tidemark.stop();
    await sql(
      "ALTER TABLE tidemark.reader RENAME COLUMN snapshot TO position; DROP FUNCTION tidemark.txid(); DROP TABLE tidemark.mutation, tidemark.installing; COMMENT ON SCHEMA tidemark IS 'Tidemark change capture, version 1. Remove with: tidemark uninstall'",
    );
    const second = await serve(address);
    expect(await second.client.mutate.items.set({ id: 1, value: "newer" })).toEqual({
      rowCount: 1,
    });
    await second.tidemark.stop();
    const session = await databaseOf(address).connect();
    await uninstall(session, 1_000);
    await session.close();
    expect(
      (await sql("SELECT 1 AS one FROM pg_namespace WHERE nspname = 'tidemark'")).rows,
    ).toEqual([]);
  });

  it("upgrades version 3, and keeps the grants made there", async () => {
    const first = await serve(address);
    await first.tidemark.stop();
    await sql(
      "ALTER TABLE tidemark.reader RENAME COLUMN snapshot TO position; ALTER FUNCTION tidemark.txid() RENAME TO position; GRANT EXECUTE ON FUNCTION tidemark.position() TO pg_monitor; COMMENT ON SCHEMA tidemark IS 'Tidemark change capture, version 3. Remove with: tidemark uninstall'",
    );
    const second = await serve(address);
    expect(await second.client.mutate.items.set({ id: 1, value: "new" })).toEqual({ rowCount: 1 });
    expect(
      (
        await sql(
          "SELECT has_function_privilege('pg_monitor', 'tidemark.txid()', 'EXECUTE') AS may, to_regprocedure('tidemark.position()') IS NULL AS gone",
        )
      ).rows,
    ).toEqual([{ may: true, gone: true }]);
  });

  it("brings version 2 up to date", async () => {
    const first = await serve(address);
    await first.tidemark.stop();
    await sql(TO_VERSION_2);
    const second = await serve(address);
    expect(await second.client.mutate.items.set({ id: 1, value: "new" })).toEqual({ rowCount: 1 });
    expect(
      (await sql("SELECT to_regprocedure('tidemark.position()') IS NULL AS gone")).rows,
    ).toEqual([{ gone: true }]);
  });

  it.skipIf(name === "PGlite")(
    "goes on from the version that another server brings it to meanwhile",
    async () => {
      const first = await serve(address);
      await first.tidemark.stop();
      await sql(TO_VERSION_2);
      const second = await withClient(String(address), async (other) => {
        await other.query("BEGIN; LOCK TABLE tidemark.reader IN ACCESS EXCLUSIVE MODE");
        const serving = serve(address);
        serving.catch(() => {});
        await vi.waitFor(async () =>
          expect(
            (
              await sql(
                "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'tidemark.reader'::regclass",
              )
            ).rows,
          ).toHaveLength(1),
        );
        // As version 3 did it.
        await other.query(`CREATE TABLE tidemark.installing ();
          ALTER TABLE tidemark.mutation ADD COLUMN caller text;
          CREATE INDEX mutation_refused ON tidemark.mutation (caller, at) WHERE error IS NOT NULL;
          COMMENT ON SCHEMA tidemark IS 'Tidemark change capture, version 3. Remove with: tidemark uninstall';
          COMMIT`);
        return serving;
      });
      expect(await second.client.mutate.items.set({ id: 1, value: "new" })).toEqual({
        rowCount: 1,
      });
    },
  );

  it.skipIf(name === "PGlite")(
    "lets the roles of `txidRoles` call txid() and nothing else; other roles may not call it",
    async () => {
      await sql(
        "CREATE ROLE app LOGIN; CREATE ROLE other LOGIN; GRANT SELECT, UPDATE ON items TO app",
      );
      const { tidemark, url } = await serve(address, { txidRoles: ["app"] });
      const own = String(address).replace("postgres://postgres@", "postgres://app@");
      const position = await withClient(own, async (app) => {
        await app.query("BEGIN");
        await app.query("UPDATE items SET value = 'by the app' WHERE id = 1");
        const named = await tidemark.txid(app);
        await app.query("COMMIT");
        for (const text of [
          "SELECT * FROM tidemark.mutation",
          "INSERT INTO tidemark.outbox VALUES ('1', 0, NULL, 0)",
          "SELECT setval('tidemark.lease', 0)",
          "CREATE TABLE tidemark.own (id int)",
        ]) {
          await expect(app.query(text), text).rejects.toMatchObject({ code: "42501" });
        }
        return named;
      });
      await withClient(own.replace("app@", "other@"), (other) =>
        expect(tidemark.txid(other)).rejects.toMatchObject({ code: "42501" }),
      );
      const response = await fetch(`${url}/v2/landed`, {
        method: "POST",
        body: JSON.stringify({ position }),
      });
      expect(await response.json()).toMatchObject({ seq: expect.any(Number) });
    },
  );

  it.skipIf(name === "PGlite")(
    "retries by itself while the database is away, in order",
    async () => {
      const { client, view } = await serve(address);
      await server?.stopServer("immediate");
      const writes = ["a", "b", "c"].map((value) => client.mutate.items.set({ id: 1, value }));
      await server?.startServer();
      expect(await Promise.all(writes)).toEqual([
        { rowCount: 1 },
        { rowCount: 1 },
        { rowCount: 1 },
      ]);
      await expect.poll(() => view.row("1"), { timeout: 20_000 }).toEqual({ id: 1, value: "c" });
    },
  );
});
