/** Transactions on a Postgres server, from a pool that opens with the first. */
import type { Pool, PoolClient } from "pg";
import { messageOf, TidemarkError } from "../../std/errors.ts";
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
      connectionString, max: connectionsMax, application_name: "tidemark mutations", connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS, idle_in_transaction_session_timeout: IDLE_TIMEOUT_MS, allowExitOnIdle: true,
    });
    // A connection that breaks while nobody uses it is replaced by the next.
    opened.on("error", () => {});
    return opened;
  };
  return {
    transaction: async (run) => inTransaction(await connectTo(await (pool ??= open())), run),
    close: async () => {
      await (await pool)?.end();
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

async function inTransaction<T>(client: PoolClient, run: (transaction: SqlTransaction) => Promise<T>): Promise<T> {
  let lost: Error | undefined;
  const onError = (error: Error): void => {
    lost = error;
  };
  client.on("error", onError);
  try {
    await client.query("BEGIN");
    const result = await run({
      query: async <R>(text: string, values?: readonly unknown[]) => {
        const { rows, rowCount } = await client.query(text, values as unknown[] | undefined);
        return { rows: rows as R[], rowCount: rowCount ?? 0 };
      },
    });
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
  return new TidemarkError("SOURCE_DOWN", `The database can't be written to at the moment: ${messageOf(cause)}.`, { cause });
}
