/**
 * The server's own live table: one row per channel with its size, rate, status and history, for the
 * explorer and for operators. It is the node's own table, which is in no log. Its rows change at
 * most once a second, and only rows with new values.
 */
import { PROTOCOL_LIMITS } from "../protocol/limits.ts";
import { declareChannel, type ChannelDeclaration } from "../log/channel.ts";
import type { KeyedRow } from "../log/log.ts";
import type { HistoryHost } from "../history/history-host.ts";
import type { Row } from "../protocol/row.ts";
import type { Where } from "../protocol/user-query.ts";
import type { Replica } from "../table/replica.ts";
import type { ChannelStates } from "./turn/channel-states.ts";

export const CATALOG_CHANNEL = "tidemark.channels";

export const CATALOG: ChannelDeclaration = declareChannel({
  name: CATALOG_CHANNEL,
  key: ["channel"],
  columns: [
    { name: "channel", type: "text" },
    { name: "status", type: "text" },
    { name: "reason", type: "text" },
    { name: "since_unix_ms", type: "integer" },
    { name: "rows", type: "integer" },
    { name: "total", type: "integer" },
    { name: "partial", type: "boolean" },
    { name: "bytes", type: "integer" },
    { name: "changes_per_second", type: "float" },
    { name: "views", type: "integer" },
    { name: "source", type: "text" },
    { name: "history", type: "text" },
    { name: "history_from_unix_ms", type: "integer" },
    { name: "history_rows", type: "integer" },
    { name: "history_bytes", type: "integer" },
  ],
});

/** The maximum of names in one `in`. */
const NAMES_PER_TERM = PROTOCOL_LIMITS.inValuesMax;

/**
 * The policy of the catalog for an identity that may not see all rows of these channels: it hides
 * their rows, and tables that were refused.
 */
export function catalogRights(restricted: readonly string[]): Where {
  const hidden: Where[] = [];
  for (let from = 0; from < restricted.length; from += NAMES_PER_TERM)
    hidden.push({ not: { column: "channel", in: restricted.slice(from, from + NAMES_PER_TERM) } });
  return { and: [...hidden, { column: "status", ne: "refused" }] };
}

/** A table that a source found and does not serve. */
export interface RefusedTable {
  readonly table: string;
  readonly reason: string;
}

/** Columns of a channel without history. */
const NO_HISTORY = {
  history: null,
  history_from_unix_ms: null,
  history_rows: null,
  history_bytes: null,
};

export class Catalog {
  readonly #replica: Replica;
  readonly #states: ChannelStates;
  readonly #history: Pick<HistoryHost, "spanOf" | "state"> | undefined;
  readonly #refused = new Map<string, RefusedTable>();
  readonly #lastCounts = new Map<string, number>();
  readonly #lastRows = new Map<string, string>();
  #lastMs: number | undefined;

  constructor(
    replica: Replica,
    states: ChannelStates,
    history: Pick<HistoryHost, "spanOf" | "state"> | undefined,
  ) {
    this.#replica = replica;
    this.#states = states;
    this.#history = history;
  }

  refuse(refused: RefusedTable): void {
    this.#refused.set(refused.table, refused);
  }

  /** The rows that have changed since the last call. */
  changes(nowMs: number): {
    readonly upserts: readonly KeyedRow[];
    readonly removes: readonly string[];
  } {
    const seconds = this.#lastMs === undefined ? 0 : (nowMs - this.#lastMs) / 1_000;
    this.#lastMs = nowMs;
    const upserts: KeyedRow[] = [];
    const gone = new Set(this.#lastRows.keys());
    for (const entry of [...this.#channelRows(seconds), ...this.#refusedRows()]) {
      const json = JSON.stringify(entry.row);
      gone.delete(entry.key);
      if (this.#lastRows.get(entry.key) === json) continue;
      this.#lastRows.set(entry.key, json);
      upserts.push({ ...entry, json });
    }
    for (const key of gone) this.#lastRows.delete(key);
    return { upserts, removes: [...gone] };
  }

  *#channelRows(seconds: number): Iterable<KeyedRow> {
    for (const table of this.#replica.tables) {
      const { name } = table.channel;
      const status = this.#states.message(name);
      if (name === CATALOG_CHANNEL || status === undefined) continue;
      const changes = table.changes - (this.#lastCounts.get(name) ?? 0);
      this.#lastCounts.set(name, table.changes);
      yield {
        key: name,
        row: {
          channel: name,
          status: status.status,
          reason: status.reason ?? null,
          since_unix_ms: status.since_unix_ms,
          rows: table.rows.size,
          total: table.total ?? null,
          partial: table.isPartial,
          bytes: table.rows.bytes,
          changes_per_second: seconds > 0 ? Math.round((changes / seconds) * 10) / 10 : 0,
          views: this.#replica.viewsOf(name),
          source: status.source ?? null,
          ...this.#historyOf(table.channel),
        },
      };
    }
  }

  /** How the store's writer fares, and what the store holds of the channel: versions of rows. */
  #historyOf({ name, history }: ChannelDeclaration): Row {
    if (history === undefined || this.#history === undefined) return NO_HISTORY;
    const span = this.#history.spanOf(name);
    return {
      history: this.#history.state?.status ?? "opening",
      history_from_unix_ms: span?.fromTimeMs ?? null,
      history_rows: span?.rows ?? null,
      history_bytes: span?.bytes ?? null,
    };
  }

  *#refusedRows(): Iterable<KeyedRow> {
    for (const { table, reason } of this.#refused.values()) {
      yield {
        key: table,
        row: {
          channel: table,
          status: "refused",
          reason,
          since_unix_ms: null,
          rows: null,
          total: null,
          partial: false,
          bytes: null,
          changes_per_second: null,
          views: null,
          source: null,
          ...NO_HISTORY,
        },
      };
    }
  }
}
