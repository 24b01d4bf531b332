/** Transactions on a Postgres server, from a pool that opens with the first. */
import type { Pool, PoolClient } from "pg";
import { delay, systemClock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { SqlTransaction } from "../writer.ts";
import { loadPg } from "./load-pg.ts";
import type { SqlWrites } from "./sql.ts";

const CONNECT_TIMEOUT_MS = 5_000;
/** A handler that does not come back must not hold its locks, or its connection, for ever. */
const STATEMENT_TIMEOUT_MS = 30_000;
const IDLE_TIMEOUT_MS = 60_000;

export function pgWrites(connectionString: string, connectionsMax: number): SqlWrites {
  let pool: Promise<Pool> | undefined;
  const open = async (): Promise<Pool> => {
    const pg = await loadPg();
    const opened = new pg.Pool({
      connectionString,
      max: connectionsMax,
      application_name: "tidemark mutations",
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      query_timeout: STATEMENT_TIMEOUT_MS + CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_TIMEOUT_MS,
      allowExitOnIdle: true,
    });
    // A connection that breaks while nobody uses it is replaced by the next.
    opened.on("error", () => {});
    return opened;
  };
  return {
    transaction: async (run) => inTransaction(await connectTo(await (pool ??= open())), run),
    close: async () => {
      // A handler that does not come back is not waited for.
      await Promise.race([
        pool?.then((opened) => opened.end()),
        delay(systemClock, CONNECT_TIMEOUT_MS),
      ]);
    },
  };
}

async function connectTo(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (cause) {
    throw down(cause);
  }
}

async function inTransaction<T>(
  client: PoolClient,
  run: (transaction: SqlTransaction) => Promise<T>,
): Promise<T> {
  let lost: Error | undefined;
  let onError: (error: Error) => void = () => {};
  const broken = new Promise<never>((_, reject) => {
    onError = (error) => {
      lost ??= error;
      reject(error);
    };
  });
  broken.catch(() => {});
  client.on("error", onError);
  try {
    await client.query("BEGIN");
    // The connection may end under a handler that waits for something else.
    const result = await Promise.race([
      broken,
      run({
        query: async <R>(text: string, values?: readonly unknown[]) => {
          const { rows, rowCount } = await client.query(text, values as unknown[] | undefined);
          return { rows: rows as R[], rowCount: rowCount ?? 0 };
        },
      }),
    ]);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    // A connection that can't even roll back is gone, and whether it had committed is not known.
    await client.query("ROLLBACK").catch(onError);
    throw lost === undefined ? error : down(error);
  } finally {
    client.off("error", onError);
    client.release(lost);
  }
}

function down(cause: unknown): TidemarkError {
  // Clients read this; why it is so is for the log.
  return new TidemarkError("SOURCE_DOWN", "The database can't be written to at the moment.", {
    cause,
  });
}
