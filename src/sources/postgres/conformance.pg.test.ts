/** Postgres and PGlite pass the suite of all sources. */
import { afterAll, beforeAll, describe } from "vitest";
import { createPGlite } from "../../../test/support/pglite.ts";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresServer,
} from "../../../test/support/postgres-server.ts";
import { sourceConformance, type OutsideWorld } from "../conformance.ts";
import { postgres } from "./index.ts";

const SCHEMA = "CREATE TABLE items (id text PRIMARY KEY, value text NOT NULL)";
const limits = { reconnectBaseMs: 20, reconnectCapMs: 100 };

/** The suite's steps as SQL; ids and values are its own, and plain. */
function worldOf(
  sql: (text: string) => Promise<readonly Record<string, unknown>[]>,
  rest: Pick<OutsideWorld, "source" | "close" | "disconnect">,
): OutsideWorld {
  return {
    channel: "items",
    set: async (rows) => {
      const values = Object.entries(rows).map(([id, value]) => `('${id}', '${value}')`);
      await sql(
        `INSERT INTO items VALUES ${values.join(", ")} ON CONFLICT (id) DO UPDATE SET value = excluded.value`,
      );
    },
    remove: async (id) => void (await sql(`DELETE FROM items WHERE id = '${id}'`)),
    rows: async () =>
      new Map(
        (await sql("SELECT id, value FROM items")).map(({ id, value }) => [
          String(id),
          String(value),
        ]),
      ),
    ...rest,
  };
}

describe.skipIf(!hasPostgres(18))("postgres", () => {
  let server: PostgresServer;
  let count = 0;
  beforeAll(async () => {
    server = await startPostgres(18);
  });
  afterAll(() => server.remove());

  sourceConformance("Postgres 18", async () => {
    const name = `source_${++count}`;
    const address = await server.createDatabase(name);
    const sql = (text: string) =>
      withClient(
        address,
        async (client) => (await client.query(text)).rows as Record<string, unknown>[],
      );
    await sql(SCHEMA);
    return worldOf(sql, {
      source: () => postgres(address, { limits }),
      close: () => Promise.resolve(),
      disconnect: async () => {
        const admin = (text: string) => withClient(server.url, (client) => client.query(text));
        await admin(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
        await admin(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`,
        );
        return async () => void (await admin(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`));
      },
    });
  });
});

describe("pglite", () => {
  sourceConformance("PGlite", async () => {
    const pglite = await createPGlite();
    await pglite.exec(SCHEMA);
    const sql = async (text: string) => (await pglite.query<Record<string, unknown>>(text)).rows;
    return worldOf(sql, { source: () => postgres(pglite), close: () => pglite.close() });
  });
});
