/** A server over Postgres with one client, for tests that watch while the database changes. */
import type { PGlite } from "@electric-sql/pglite";
import { createClient, type LiveView } from "../../src/client/node.ts";
import { createTidemark } from "../../src/server/tidemark.ts";
import { postgres, type PostgresOptions } from "../../src/sources/postgres/index.ts";
import { silent } from "./silent.ts";

/** SQL for a table of thirty rows. */
export const PLAIN =
  "CREATE TABLE p (id int PRIMARY KEY, v int); INSERT INTO p SELECT n, 0 FROM generate_series(0, 29) n";

export const pause = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));
/** Polls with its own timeout, because tests run side by side. */
export async function until(
  what: () => unknown,
  wanted: unknown,
  timeoutMs = 10_000,
): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (what() !== wanted) {
    if (performance.now() > endMs)
      throw new Error(`${String(what())} is not ${String(wanted)} after ${timeoutMs} ms`);
    await pause(10);
  }
}

export interface Served {
  readonly view: (channel: string) => LiveView;
  /** Counts of copies: of all tables, and of single ones. */
  readonly copies: string[];
  stop(): Promise<void>;
}

export async function serve(
  address: string | PGlite,
  options: PostgresOptions = {},
): Promise<Served> {
  const copies: string[] = [];
  const logger = {
    ...silent,
    info: (_fields: object, message: string) =>
      void (/^tables (copied|reloaded)$/.test(message) && copies.push(message)),
  } as typeof silent;
  const tidemark = createTidemark({ sources: [postgres(address, options)], logger });
  const { url } = await tidemark.listen({ port: 0 });
  const client = createClient({
    url: `${url}/v2/stream`,
    backoff: { firstMs: 20, delaysMs: [20, 40, 80] },
  });
  return {
    copies,
    view: (channel) => {
      const live = client.live({ channel });
      live.subscribe(() => {});
      return live;
    },
    stop: async () => {
      client.close();
      await tidemark.stop();
    },
  };
}

export const textOf = (rows: readonly object[]): string =>
  JSON.stringify(rows.map((row) => JSON.stringify(Object.entries(row).toSorted())).toSorted());
