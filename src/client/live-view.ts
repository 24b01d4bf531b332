/** One query in the client: its rows, how far they can be trusted, and who listens. */
import type { ChannelStatus } from "../protocol/messages/channel-status.ts";
import type { Cursor } from "../protocol/messages/subscribe.ts";
import type { Subscribed } from "../protocol/messages/subscribed.ts";
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

/**
 * A reading of a view; a new object whenever something in it changed. `rows` and `row` read the view's
 * present rows, so read them from the newest snapshot, as React does.
 */
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
  /** The server's name for the view, once told. */
  viewId: string | undefined;
  /** Set when the view was larger than the client's bound and is now asked for with this limit. */
  narrowedTo: number | undefined;
  /** The history and view that the rows belong to: where a cursor is valid. Set when rows are, not before. */
  #origin: { readonly epoch: string; readonly view: string } | undefined;
  /** Those of the subscription under way. */
  #nextOrigin: { readonly epoch: string; readonly view: string } | undefined;
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

  /** Where to continue from, if anywhere. */
  get cursor(): Cursor | undefined {
    return this.#origin === undefined || !this.store.isLoaded ? undefined : { ...this.#origin, seq: this.store.seq };
  }

  snapshot(): ViewSnapshot {
    this.#snapshot ??= this.#read();
    return this.#snapshot;
  }

  seated({ columns, key, epoch, view }: Subscribed): void {
    this.viewId = view;
    this.#nextOrigin = { epoch, view };
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

  /** Applies the turn without telling anyone yet. Returns rows changed, and whether there is news. */
  commit(seq: number, asOf: Readonly<Record<string, number>>, serverTimeMs: number): { rows: number; isNews: boolean } {
    const rows = this.store.commit(seq);
    this.#origin = this.#nextOrigin;
    const source = this.#channel?.source;
    const moment = source === undefined ? serverTimeMs : asOf[source];
    const hasMoved = moment !== undefined && (this.#asOf === undefined || Math.abs(moment - this.#asOf) >= AS_OF_STEP_MS);
    const isNews = rows > 0 || hasMoved || this.#isBehind;
    if (isNews) {
      this.#asOf = moment ?? this.#asOf;
      this.#isBehind = false;
      this.#snapshot = undefined;
    }
    return { rows, isNews };
  }

  /** The turn left this view behind; a snapshot that has come whole is shown all the same. */
  commitBehind(): { rows: number; isNews: boolean } {
    const applied = this.store.commitSnapshot();
    if (applied !== undefined) this.#origin = this.#nextOrigin;
    const rows = applied ?? 0;
    const isNews = applied !== undefined || !this.#isBehind;
    this.#isBehind = true;
    if (isNews) this.#snapshot = undefined;
    return { rows, isNews };
  }

  fellBehind(): void {
    if (this.#isBehind) return;
    this.#isBehind = true;
    this.changed();
  }

  changed(): void {
    this.#snapshot = undefined;
    this.notify();
  }

  /** A listener that throws must not keep the others from hearing. */
  notify(): void {
    for (const listener of this.listeners) {
      try {
        listener();
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
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
