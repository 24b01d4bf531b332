/** The example's access to its database: an embedded PGlite, or any Postgres by its address. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";

export interface Queries {
  query<R = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<{ rows: R[] }>;
}

export interface Database extends Queries {
  /** The argument for Tidemark's `postgres()`. */
  readonly source: string | PGlite;
  transaction<T>(run: (tx: Queries) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export async function openDatabase(url: string | undefined): Promise<Database> {
  if (url !== undefined) return server(url);
  // Its usual buffers and log would keep 140 MB.
  const database = await PGlite.create({
    postgresqlconf: ["shared_buffers = 16MB", "min_wal_size = 2MB", "max_wal_size = 8MB"],
    initDbStartParams: ["--wal-segsize=1"],
  });
  collectGarbage();
  return embedded(database);
}

/** What made the database has left 250 MB, which would stay until V8 needs room. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

function embedded(pglite: PGlite): Database {
  return {
    source: pglite,
    query: (text, values) => pglite.query(text, values as unknown[] | undefined),
    transaction: (run) =>
      pglite.transaction((tx) =>
        run({ query: (text, values) => tx.query(text, values as unknown[] | undefined) }),
      ),
    close: () => pglite.close(),
  };
}

function server(url: string): Database {
  const pool = new pg.Pool({ connectionString: url, max: 5 });
  // The pool replaces an idle connection that breaks.
  pool.on("error", () => {});
  const on = (queries: pg.Pool | pg.PoolClient): Queries => ({
    query: async <R>(text: string, values?: readonly unknown[]) => ({
      rows: (await queries.query(text, values as unknown[] | undefined)).rows as R[],
    }),
  });
  return {
    source: url,
    ...on(pool),
    transaction: async (run) => {
      const client = await pool.connect();
      try {
        await client.query("BEGIN");
        const result = await run(on(client));
        await client.query("COMMIT");
        return result;
      } catch (error) {
        await client.query("ROLLBACK").catch(() => {});
        throw error;
      } finally {
        client.release();
      }
    },
    close: () => pool.end(),
  };
}
