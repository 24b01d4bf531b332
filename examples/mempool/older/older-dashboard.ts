/**
 * The older architecture, for comparison: a copy of all rows, from which each revision builds the
 * whole snapshot anew and sends it to each page. `/dashboard/snapshot` answers with it,
 * `/dashboard/stream` sends it as server-sent events. A page that does not read misses revisions.
 */
import type { ServerResponse } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Hono } from "hono";
import type { ChannelChange, Row } from "tidemark";
import { FEED_CHANNELS } from "../channels.ts";
import { OLDER_PATHS } from "../paths.ts";

export class OlderDashboard {
  readonly #channels = new Map(FEED_CHANNELS.map(({ name }) => [name, new Map<string, Row>()]));
  readonly #pages = new Set<ServerResponse>();
  #revision = 0;

  /** One revision. */
  apply(changes: readonly ChannelChange[]): void {
    for (const { channel, upserts, removes, reload } of changes) {
      const rows = this.#channels.get(channel);
      if (rows === undefined) continue;
      if (reload) rows.clear();
      for (const { key, row } of upserts) rows.set(key, row);
      for (const key of removes) rows.delete(key);
      trim(rows, FEED_CHANNELS.find(({ name }) => name === channel)?.bounds.rowsMax ?? 0);
    }
    this.#revision++;
    const pages = [...this.#pages].filter((page) => !page.writableNeedDrain);
    if (pages.length === 0) return;
    const event = `data: ${this.#snapshot()}\n\n`;
    for (const page of pages) page.write(event);
  }

  addRoutes(app: Hono): void {
    app.get(OLDER_PATHS.snapshot, (context) => {
      context.header("Content-Type", "application/json; charset=utf-8");
      context.header("Cache-Control", "no-store");
      return context.body(this.#snapshot());
    });
    app.get(OLDER_PATHS.stream, (context) => {
      const response = (context.env as HttpBindings).outgoing as ServerResponse;
      response.writeHead(200, {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store, no-transform",
      });
      response.write(`data: ${this.#snapshot()}\n\n`);
      this.#pages.add(response);
      response.once("close", () => this.#pages.delete(response));
      return RESPONSE_ALREADY_SENT;
    });
  }

  stop(): void {
    for (const page of this.#pages) page.end();
    this.#pages.clear();
  }

  /** As the newer one is shaped, so that both can be compared. */
  #snapshot(): string {
    const channels = Object.fromEntries(
      Array.from(this.#channels, ([name, rows]) => [name, { rows: [...rows.values()] }]),
    );
    return JSON.stringify({
      revision: String(this.#revision),
      snapshot_seq: this.#revision,
      channels: { ...channels, feature_top: { rows: this.#featureTop() } },
    });
  }

  #featureTop(): readonly Row[] {
    const groups = new Map<string, Row>();
    for (const { protocol, category, value, seen_unix_ms } of this.#rows("feature.main")) {
      const key = JSON.stringify([protocol, category]);
      const group = groups.get(key);
      const sum = value === null ? group?.["value"] : Number(group?.["value"] ?? 0) + Number(value);
      groups.set(key, {
        protocol: protocol ?? null,
        category: category ?? null,
        features: Number(group?.["features"] ?? 0) + 1,
        value: sum ?? null,
        last_unix_ms: Math.max(Number(group?.["last_unix_ms"] ?? 0), Number(seen_unix_ms)),
      });
    }
    return [...groups.values()];
  }

  #rows(channel: string): Iterable<Row> {
    return this.#channels.get(channel)?.values() ?? [];
  }
}

/** The keys that came first leave. */
function trim(rows: Map<string, Row>, max: number): void {
  for (const key of rows.keys()) {
    if (rows.size <= max) return;
    rows.delete(key);
  }
}
