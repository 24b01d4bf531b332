/** A Postgres server by `pg`, which is loaded when first used: it is an optional peer dependency. */
import { messageOf } from "../../std/errors.ts";
import { loadPg } from "./load-pg.ts";
import { pgWrites } from "./pg-writes.ts";
import { TRANSACTION_SETTINGS, type SqlDatabase, type SqlSession } from "./sql.ts";

/** Attempts follow each other sooner; this is when one is given up. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Without an answer for this long the connection counts as lost. */
const KEEP_ALIVE_DELAY_MS = 5_000;

export function pgDatabase(connectionString: string): SqlDatabase {
  return {
    label: labelOf(connectionString),
    connect: () => connect(connectionString),
    openWrites: (connectionsMax) => pgWrites(connectionString, connectionsMax),
  };
}

async function connect(connectionString: string): Promise<SqlSession> {
  const pg = await loadPg();
  const client = new pg.Client({
    connectionString,
    application_name: "tidemark",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
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
  await client.connect();
  // Names without a schema are Postgres's own, whatever someone put into `public`.
  await client.query("SET search_path = pg_catalog, pg_temp");
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
      reason = "no answer";
      (
        client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
      ).connection.stream.destroy();
    },
    close: async () => {
      lost.clear();
      await client.end();
    },
  };
}

/** `host:port/database` of a connection string. */
function labelOf(connectionString: string): string {
  if (!URL.canParse(connectionString)) return "postgres";
  const { host, pathname } = new URL(connectionString);
  return `${host || "localhost"}${pathname}`;
}
