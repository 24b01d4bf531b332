/** A Postgres server by `pg`, an optional peer dependency that is loaded when it is first used. */
import type { ClientConfig } from "pg";
import { messageOf } from "../../std/errors.ts";
import type { PostgresLimits } from "./limits.ts";
import { closeSocket, loadPg } from "./load-pg.ts";
import { addressIn, labelOf, type PgConfig } from "./pg-config.ts";
import { pgWrites } from "./pg-writes.ts";
import { TRANSACTION_SETTINGS, type SqlDatabase, type SqlSession } from "./sql.ts";

export function pgDatabase(config: PgConfig, limits: PostgresLimits): SqlDatabase {
  return {
    label: labelOf(config),
    connect: () => connect(config, limits),
    openWrites: () => pgWrites(config, limits),
  };
}

async function connect(
  config: PgConfig,
  { connectTimeoutMs, keepAliveDelayMs }: PostgresLimits,
): Promise<SqlSession> {
  const pg = await loadPg();
  const client = new pg.Client({
    ...(addressIn(config) as ClientConfig),
    application_name: "tidemark",
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveDelayMs,
  });
  const lost = new Set<(reason: string) => void>();
  let reason = "the connection ended";
  client.on("error", (error) => {
    reason = messageOf(error);
  });
  client.on("end", () => {
    for (const callback of lost) callback(reason);
    lost.clear();
  });
  try {
    await client.connect();
    // Names without a schema mean Postgres's own objects, whatever `public` contains.
    await client.query("SET search_path = pg_catalog, pg_temp");
  } catch (error) {
    closeSocket(client);
    throw error;
  }
  const query: SqlSession["query"] = async (text, parameters) =>
    (await client.query(text, parameters as unknown[] | undefined)).rows;
  return {
    isShared: false,
    query,
    prepared: async (name, text, parameters) =>
      (await client.query({ name, text, values: [...parameters] })).rows,
    transaction: async (mode, run) => {
      await query("BEGIN");
      try {
        await query(TRANSACTION_SETTINGS[mode]);
        const result = await run({ query });
        await query("COMMIT");
        return result;
      } catch (error) {
        // The first error is the one to report; the connection may be gone as well.
        await query("ROLLBACK").catch(() => {});
        throw error;
      }
    },
    listen: async (channel, onNotify) => {
      client.on("notification", (message) => {
        if (message.channel === channel) onNotify();
      });
      await client.query(`LISTEN ${channel}`);
    },
    onLost: (callback) => {
      lost.add(callback);
    },
    abandon: () => {
      reason = "no response";
      closeSocket(client);
    },
    close: async () => {
      lost.clear();
      await client.end();
    },
  };
}
