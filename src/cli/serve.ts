/** `tidemark serve`: serves a database's tables live, with the explorer. `demo` uses it too. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { PGlite } from "@electric-sql/pglite";
import { pino } from "pino";
import type { HistoryStore } from "../history/history.ts";
import type { Channels } from "../server/channel.ts";
import { createTidemark, type Tidemark } from "../server/tidemark.ts";
import { postgres, type PostgresReport } from "../sources/postgres/index.ts";

/** Channels beside the database's tables, with the history store that keeps them. */
export interface OwnChannels {
  readonly channels: Channels;
  readonly history: HistoryStore;
  /** Begins to write the channels' rows; called when the server listens. */
  readonly start: (tidemark: Tidemark) => void;
  readonly stop: () => void;
  /** Called after the store is closed. */
  readonly remove: () => void;
}

export interface ServeOptions {
  /** A postgres:// address, or an embedded database. */
  readonly url: string | PGlite;
  readonly tables?: readonly string[] | undefined;
  readonly trustedOwners?: readonly string[];
  readonly txidRoles?: readonly string[];
  readonly rowsMax?: number;
  readonly port: number;
  readonly host: string;
  readonly allowPublic: boolean;
  readonly allowedOrigins: readonly string[];
  readonly logLevel: string;
  readonly print: (line: string) => void;
  readonly own?: OwnChannels | undefined;
  /** Runs before the server stops. */
  readonly onStop?: () => Promise<void>;
}

/** Resolves when the server listens. A signal stops it and ends the process. */
export async function serve(options: ServeOptions): Promise<void> {
  const { port, host, allowPublic, allowedOrigins, print, own } = options;
  const source = postgres(options.url, {
    tables: options.tables,
    trustedOwners: options.trustedOwners ?? [],
    txidRoles: options.txidRoles ?? [],
    bounds: { rowsMax: options.rowsMax ?? 100_000 },
    onInstalled: (report) => describe(report, print),
  });
  const assets = explorerFolder();
  const tidemark = createTidemark({
    sources: [source],
    ...(own && { channels: own.channels, history: own.history }),
    catalog: true,
    allowedOrigins,
    ...(assets !== undefined && { assets }),
    logger: pino({ name: "tidemark", level: options.logLevel }, pino.destination(2)),
  });
  const stop = async (): Promise<void> => {
    own?.stop();
    await options.onStop?.();
    await tidemark.stop();
    own?.remove();
  };
  stopOnSignal(stop, print);
  try {
    const { url } = await tidemark.listen({ port, host, allowPublic });
    own?.start(tidemark);
    print(
      assets === undefined
        ? `Serving the API at ${url}/v2 (the explorer is not built: npm run build)`
        : `\n  Explorer: ${url}\n`,
    );
  } catch (error) {
    await stop();
    throw error;
  }
}

function describe(
  { database, tables, refused, installed, createdSchema, warnings }: PostgresReport,
  print: (line: string) => void,
): void {
  print(`Connected to ${database}.`);
  if (createdSchema) print('Created the schema "tidemark" (outbox, lease, capture functions).');
  print(
    installed.length > 0
      ? `Installed triggers on ${installed.join(", ")}.`
      : "All triggers were in place.",
  );
  print(`${tables.length} live ${tables.length === 1 ? "table" : "tables"}: ${tables.join(", ")}.`);
  for (const warning of warnings) print(`Warning: ${warning}`);
  for (const { table, reason } of refused) print(`Not live: ${table}: ${reason}`);
}

/** The built explorer, beside this file; undefined when it is not built. */
function explorerFolder(): string | undefined {
  const folder = fileURLToPath(new URL("../explorer", import.meta.url));
  return existsSync(folder) ? folder : undefined;
}

function stopOnSignal(stop: () => Promise<void>, print: (line: string) => void): void {
  let isStopping = false;
  const onSignal = (): void => {
    // A second signal ends the process at once.
    if (isStopping) process.exit(130);
    isStopping = true;
    print("Stopping.");
    stop().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}
