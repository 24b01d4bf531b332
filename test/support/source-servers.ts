/** Servers over Postgres, each with one client, that end with the test that started them. */
import type { PGlite } from "@electric-sql/pglite";
import { afterEach } from "vitest";
import { createClient, type LiveView } from "../../src/client/node.ts";
import { createTidemark, type Tidemark } from "../../src/server/tidemark.ts";
import {
  postgres,
  type PostgresOptions,
  type PostgresReport,
} from "../../src/sources/postgres/index.ts";
import { silent } from "./silent.ts";

/** Call this once in a test file. */
export function sourceServers() {
  const stops: (() => unknown)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0).reverse()) await stop();
  });

  async function serve(address: string | PGlite, options: PostgresOptions = {}) {
    let report: PostgresReport | undefined;
    const tidemark: Tidemark = createTidemark({
      sources: [postgres(address, { ...options, onInstalled: (found) => (report = found) })],
      logger: silent,
    });
    stops.push(() => tidemark.stop());
    const { url } = await tidemark.listen({ port: 0 });
    const client = createClient({
      url: `${url}/v2/stream`,
      backoff: { firstMs: 20, delaysMs: [20, 40, 80] },
    });
    stops.push(() => client.close());
    const view = (channel: string): LiveView => {
      const live = client.live({ channel });
      live.subscribe(() => {});
      return live;
    };
    return { tidemark, url, view, report: report as PostgresReport | undefined };
  }

  return { serve, atEnd: (stop: () => unknown) => void stops.push(stop) };
}
