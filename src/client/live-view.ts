/** One query in the client: its rows, how far they can be trusted, and who listens. */
import type { ChannelStatus } from "../protocol/messages/channel-status.ts";
import type { Column } from "../protocol/column.ts";
import type { Query } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import { ViewStore } from "./view-store.ts";

/**
 * - `loading`: nothing has come yet
 * - `live`: equal to the server's answer at the page's position
 * - `catching_up`: shown rows are older than the page's position, newer ones are on the way
 * - `stale`: cut off from the server, or the server from its source; `reason` says which
 * - `refused`: the server does not answer this query; `error` says why
 */
export type ViewStatus = "loading" | "live" | "catching_up" | "stale" | "refused";

export interface ViewError {
  readonly code: string;
  readonly message: string;
}

/** An immutable reading of a view; a new object whenever something in it changed. */
export interface ViewSnapshot<R = Row> {
  readonly rows: readonly R[];
  /** Keys of the rows, in order; together with `row(key)` this avoids a copy of all rows. */
  readonly keys: readonly string[];
  readonly row: (key: string) => R | undefined;
  readonly status: ViewStatus;
  readonly reason: string | undefined;
  readonly error: ViewError | undefined;
  /** Unix milliseconds up to which the rows are known to be complete; moves about once a second. */
  readonly asOf: number | undefined;
  readonly seq: number;
  /** Known once the server has answered; empty for a channel that declares none. */
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  /** The channel holds only part of its table, or the client only part of the view. */
  readonly isPartial: boolean;
  /** Rows that the channel holds, and rows of the whole table where the server knows. */
  readonly channelRows: number | undefined;
  readonly total: number | undefined;
}

/** How the connection stands, as far as a view cares. */
export interface Reachability {
  readonly isOpen: boolean;
  readonly reason: string | undefined;
}

/** How little `asOf` may move without a new snapshot. */
const AS_OF_STEP_MS = 1_000;

export class ViewCore {
  readonly id: string;
  readonly query: Query;
  readonly store = new ViewStore();
  readonly listeners = new Set<() => void>();
  /** The server's name for the view, once told; kept over reconnects, for the cursor. */
  viewId: string | undefined;
  /** Set when the view was larger than the client's bound and is now asked for with this limit. */
  narrowedTo: number | undefined;
  epoch: string | undefined;
  #isBehind = true;
  #error: ViewError | undefined;
  #channel: ChannelStatus | undefined;
  #asOf: number | undefined;
  #columns: readonly Column[] = [];
  #key: readonly string[] = [];
  #reachability: Reachability = { isOpen: false, reason: "not connected yet" };
  #snapshot: ViewSnapshot | undefined;

  constructor(id: string, query: Query) {
    this.id = id;
    this.query = query;
  }

  /** What the server is asked for. */
  get wireQuery(): Query {
    const limit = this.narrowedTo;
    return limit === undefined ? this.query : { ...this.query, limit: Math.min(limit, this.query.limit ?? limit) };
  }

  snapshot(): ViewSnapshot {
    this.#snapshot ??= this.#read();
    return this.#snapshot;
  }

  seated(columns: readonly Column[], key: readonly string[]): void {
    this.#columns = columns;
    this.#key = key;
    this.#error = undefined;
    this.#isBehind = true;
    this.changed();
  }

  failed(error: ViewError): void {
    this.#error = error;
    this.changed();
  }

  setReachability(reachability: Reachability): void {
    this.#reachability = reachability;
    if (!reachability.isOpen) this.#isBehind = true;
    this.changed();
  }

  setChannelStatus(status: ChannelStatus): void {
    this.#channel = status;
    this.changed();
  }

  /** Applies the turn. `asOf` is that of the view's source. */
  commit(seq: number, asOf: Readonly<Record<string, number>>, serverTimeMs: number): number {
    const rows = this.store.commit(seq);
    const source = this.#channel?.source;
    const moment = source === undefined ? serverTimeMs : asOf[source];
    const hasMoved = moment !== undefined && (this.#asOf === undefined || Math.abs(moment - this.#asOf) >= AS_OF_STEP_MS);
    if (rows > 0 || hasMoved || this.#isBehind) {
      this.#asOf = moment ?? this.#asOf;
      this.#isBehind = false;
      this.changed();
    }
    return rows;
  }

  fellBehind(): void {
    if (this.#isBehind) return;
    this.#isBehind = true;
    this.changed();
  }

  changed(): void {
    this.#snapshot = undefined;
    for (const listener of this.listeners) listener();
  }

  #read(): ViewSnapshot {
    const { store } = this;
    const keys = store.keys;
    let rows: readonly Row[] | undefined;
    return {
      // Built when first asked for: a grid that reads by key never pays for it.
      get rows(): readonly Row[] {
        return (rows ??= keys.map((key) => store.row(key)).filter((row) => row !== undefined));
      },
      keys,
      row: (key) => store.row(key),
      ...this.#status(),
      error: this.#error,
      asOf: this.#asOf,
      seq: store.seq,
      columns: this.#columns,
      key: this.#key,
      isPartial: this.#channel?.partial === true || this.narrowedTo !== undefined,
      channelRows: this.#channel?.rows,
      total: this.#channel?.total,
    };
  }

  #status(): { status: ViewStatus; reason: string | undefined } {
    if (this.#error !== undefined) return { status: "refused", reason: this.#error.message };
    if (!this.#reachability.isOpen && this.store.isLoaded) return { status: "stale", reason: this.#reachability.reason };
    if (!this.store.isLoaded) return { status: "loading", reason: this.#reachability.reason };
    if (this.#channel !== undefined && this.#channel.status !== "live") {
      return { status: this.#channel.status, reason: this.#channel.reason };
    }
    return { status: this.#isBehind ? "catching_up" : "live", reason: undefined };
  }
}
