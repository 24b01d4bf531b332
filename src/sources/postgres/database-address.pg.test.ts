/**
 * The forms of a database's address: a URL, a configuration, a Pool; passwords that expire, and
 * TLS.
 */
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { createTlsKeys, hasOpenssl, type TlsKeys } from "../../../test/support/tls-keys.ts";
import {
  hasPostgres,
  startPostgres,
  type PostgresServer,
} from "../../../test/support/postgres-server.ts";
import { silent } from "../../../test/support/silent.ts";
import { createClient } from "../../client/node.ts";
import { mutation } from "../../server/mutations/mutation.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { postgres, type DatabaseAddress } from "./index.ts";

const mutations = {
  set: mutation({
    input: z.object({ value: z.string() }),
    handler: async ({ input, tx }) => {
      await tx.query("UPDATE public.items SET value = $1", [input.value]);
    },
  }),
};

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

/** Serves, writes, and returns the rows that a page then shows. */
async function written(address: DatabaseAddress, value: string): Promise<unknown> {
  const tidemark = createTidemark({ sources: [postgres(address)], mutations, logger: silent });
  stops.push(() => tidemark.stop());
  const { url } = await tidemark.listen({ port: 0 });
  const client = createClient<Record<string, never>, typeof mutations>({
    url: `${url}/v2/stream`,
  });
  stops.push(() => client.close());
  const view = client.live({ channel: "items" } as never);
  stops.push(view.subscribe(() => {}));
  await client.mutate.set({ value });
  return view.getSnapshot().rows;
}

describe.runIf(hasPostgres(18) && hasOpenssl())("a database", () => {
  let server: PostgresServer;
  let keys: TlsKeys;
  const at = (): { host: string; port: number; database: string } => ({
    host: "127.0.0.1",
    port: server.port,
    database: "postgres",
  });

  beforeAll(async () => {
    keys = createTlsKeys();
    server = await startPostgres(18, {
      ssl: "on",
      ssl_cert_file: keys.certificateFile,
      ssl_key_file: keys.keyFile,
      hba_file: keys.file("pg_hba.conf", [
        "host all postgres 127.0.0.1/32 trust",
        "hostssl all secure 127.0.0.1/32 trust",
        "host all iam 127.0.0.1/32 scram-sha-256",
      ]),
    });
    await server.sql(
      "CREATE TABLE items (id int PRIMARY KEY, value text); INSERT INTO items VALUES (1, 'old')",
    );
    await server.sql(
      "CREATE ROLE secure SUPERUSER LOGIN; CREATE ROLE iam SUPERUSER LOGIN PASSWORD 'token'",
    );
  });
  afterAll(async () => {
    await server.remove();
    keys.remove();
  });
  afterEach(() => server.sql("DROP SCHEMA IF EXISTS tidemark CASCADE"));

  it("can be a configuration", async () => {
    expect(await written({ ...at(), user: "postgres" }, "config")).toEqual([
      { id: 1, value: "config" },
    ]);
  });

  it("can be a Pool, which is neither used nor ended", async () => {
    const pool = new pg.Pool({ ...at(), user: "postgres", password: "none", max: 1 });
    stops.push(() => pool.end());
    // The pool's connection is taken, so any use of the pool would wait forever.
    const taken = await pool.connect();
    expect(await written(pool, "pool")).toEqual([{ id: 1, value: "pool" }]);
    for (const stop of stops.splice(1).reverse()) await stop();
    expect((await taken.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
    taken.release();
    expect(pool.totalCount).toBe(1);
  });

  it("is read correctly whatever the Pool's types and timeouts are", async () => {
    const pool = new pg.Pool({
      ...at(),
      user: "postgres",
      query_timeout: 1,
      types: { getTypeParser: () => () => "never" } as never,
    });
    stops.push(() => pool.end());
    const tidemark = createTidemark({ sources: [postgres(pool)], logger: silent });
    stops.push(() => tidemark.stop());
    await tidemark.start();
    expect(tidemark.stats()["channels"]).toMatchObject([{ channel: "items", status: "live" }]);
  });

  it("is read correctly whatever other settings the connection string has", async () => {
    const { port } = server;
    const settings = "query_timeout=1&statement_timeout=1&application_name=theirs";
    const address = `postgres://postgres@127.0.0.1:${port}/postgres?${settings}&sslmode=disable`;
    expect(await written(address, "string")).toEqual([{ id: 1, value: "string" }]);
    const { rows } = await server.sql(
      "SELECT DISTINCT application_name AS name FROM pg_stat_activity WHERE application_name ~ 'tidemark|theirs' ORDER BY 1",
    );
    expect(rows).toEqual([{ name: "tidemark" }, { name: "tidemark mutations" }]);
  });

  it("can be a Pool's options, which hide the password", async () => {
    const pool = new pg.Pool({ ...at(), user: "iam", password: "token" });
    stops.push(() => pool.end());
    expect(await written(pool.options, "options")).toEqual([{ id: 1, value: "options" }]);
  });

  it("is connected to with a password function that is called for each connection", async () => {
    let calls = 0;
    const password = async (): Promise<string> => {
      calls++;
      return "token";
    };
    const pool = new pg.Pool({ ...at(), user: "iam", password });
    stops.push(() => pool.end());
    expect(await written(pool, "iam")).toEqual([{ id: 1, value: "iam" }]);
    const before = calls;
    // One connection of the reader, and one for the mutation.
    expect(before).toBe(2);
    await server.sql(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'iam'",
    );
    await expect.poll(() => calls, { timeout: 20_000 }).toBeGreaterThan(before);
  });

  it("gives a clear error for a wrong password", async () => {
    await expect(
      written({ ...at(), user: "iam", password: () => "wrong" }, "x"),
    ).rejects.toMatchObject({
      code: "SOURCE_DOWN",
      message: expect.stringContaining(
        `Can't connect to 127.0.0.1:${server.port}/postgres: password authentication failed`,
      ),
    });
  });

  it("is connected to over TLS, with a certificate that is checked", async () => {
    const address = { ...at(), host: "localhost", user: "secure" };
    expect(await written({ ...address, ssl: { ca: keys.certificate } }, "tls")).toEqual([
      { id: 1, value: "tls" },
    ]);
    const { rows } = await server.sql(
      "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'secure'",
    );
    expect(rows).toEqual([{ ssl: true }]);
  });

  it("is refused when the certificate is not trusted, and when the server requires TLS and the client does not use it", async () => {
    const address = { ...at(), host: "localhost", user: "secure" };
    await expect(written({ ...address, ssl: true }, "x")).rejects.toMatchObject({
      code: "SOURCE_DOWN",
      message: expect.stringContaining("self-signed certificate"),
    });
    await expect(written(address, "x")).rejects.toMatchObject({
      code: "SOURCE_DOWN",
      message: expect.stringContaining("no encryption"),
    });
  });
});
