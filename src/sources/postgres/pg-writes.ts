/** Transactions of mutations on a Postgres server, from a pool that opens with the first. */
import type { Pool, PoolClient, PoolConfig } from "pg";
import { delay, systemClock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { SqlTransaction } from "../writer.ts";
import type { PostgresLimits } from "./limits.ts";
import { closingClient, loadPg } from "./load-pg.ts";
import { WRITE_SETTINGS, withoutSettings, type PgConfig } from "./pg-config.ts";
import type { SqlWrites } from "./sql.ts";

export function pgWrites(
  config: PgConfig,
  {
    writeConnectionsMax,
    writeConnectTimeoutMs,
    writeStatementMsMax,
    writeIdleMsMax,
  }: PostgresLimits,
): SqlWrites {
  let pool: Promise<Pool> | undefined;
  const open = async (): Promise<Pool> => {
    const pg = await loadPg();
    // A separate pool even if the application has one: its timeouts bound how long a handler can
    // hold locks.
    const opened = new pg.Pool({
      ...(withoutSettings(config, WRITE_SETTINGS) as PoolConfig),
      Client: closingClient(pg, config.Client),
      max: writeConnectionsMax,
      min: 0,
      application_name: "tidemark mutations",
      connectionTimeoutMillis: writeConnectTimeoutMs,
      keepAlive: true,
      query_timeout: writeStatementMsMax + writeConnectTimeoutMs,
      statement_timeout: writeStatementMsMax,
      idle_in_transaction_session_timeout: writeIdleMsMax,
      allowExitOnIdle: true,
    });
    // The pool replaces a connection that breaks while it is idle.
    opened.on("error", () => {});
    return opened;
  };
  return {
    transaction: async (run) => inTransaction(await connectTo(await (pool ??= open())), run),
    close: async () => {
      // Does not wait for a handler that does not return.
      await Promise.race([
        pool?.then((opened) => opened.end()),
        delay(systemClock, writeConnectTimeoutMs),
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
    // The connection may end while the handler waits for something else.
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
    // A connection that can't roll back is lost, and it is not known whether the transaction was
    // committed.
    await client.query("ROLLBACK").catch(onError);
    throw lost === undefined ? error : down(error);
  } finally {
    client.off("error", onError);
    client.release(lost);
  }
}

function down(cause: unknown): TidemarkError {
  // Clients read the message; the cause is for the log.
  return new TidemarkError("SOURCE_DOWN", "The database can't be written to at the moment.", {
    cause,
  });
}
