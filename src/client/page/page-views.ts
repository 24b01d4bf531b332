/**
 * The views of a page: which queries have listeners, what each shows, and when a view ends. A
 * commit changes all of them before any listener is called.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { WireQuery } from "../../protocol/query.ts";
import { TidemarkError } from "../../std/errors.ts";
import { toTimedQuery, type Query, type TimedQuery } from "../../protocol/user-query.ts";
import type { Row } from "../../protocol/row.ts";
import type { HistoryAnswer, HistoryOptions } from "./fetch-history.ts";
import type { HistoryView } from "./history-view.ts";
import { importAgain } from "../import-again.ts";
import { callAll, ViewCore, type PinnedRow, type ViewSnapshot } from "./live-view.ts";
import type { PageWrites } from "../writes/page-writes.ts";
import type { PageCursor, RowChanges, ToEngine, ViewNews } from "../port.ts";

/** A handle of a query. Handles cost nothing; the view exists while it has listeners. */
export interface LiveView<R = Row> {
  readonly query: Query;
  /**
   * Calls back after each change; returns a function that stops it. The first listener starts the
   * view.
   */
  subscribe(listener: () => void): () => void;
  /** The same object until the view's state changes. */
  getSnapshot(): ViewSnapshot<R>;
  row(key: string): R | undefined;
  /**
   * The rows stand still, for all handles of the query, until `resume`: the status is `stale`, the
   * reason `paused`, and the snapshot's `paused` counts the rows that have changed since. Resolves
   * when they stand still; the first pause of a page loads code.
   */
  pause(): Promise<void>;
  resume(): void;
  /**
   * Keeps a row, such as the user's selection, also when it leaves the view. Returns a function
   * that unpins it.
   */
  pin(key: string): () => void;
  pinned(key: string): PinnedRow<R> | undefined;
  /**
   * The server's own rows, without pending writes, for code that keeps rows itself: calls back with
   * all of them, then with each commit's changes. Starts the view like `subscribe`.
   */
  subscribeChanges(listener: (changes: RowChanges) => void): () => void;
}

export interface PageViewsOptions {
  readonly clock: Clock;
  /** How long a view without listeners is kept. */
  readonly lingerMs: number;
  /** Pinned rows of one view. */
  readonly pinsMax: number;
  /** Undefined before the first write. */
  readonly writes: () => PageWrites | undefined;
  readonly post: (message: ToEngine) => void;
  /** Rows of one view with history. */
  readonly historyRowsMax: number;
  readonly fetchHistory: (query: WireQuery, options: HistoryOptions) => Promise<HistoryAnswer>;
}

const LOAD_RETRY_MS = 1_000;

export class PageViews {
  readonly #options: PageViewsOptions;
  /** By query; and by the id that the engine knows, which is never used again. */
  readonly #views = new Map<string, ViewCore>();
  readonly #opened = new Map<string, ViewCore>();
  /** Of views without listeners; and, by the query, of code that could not be loaded. */
  readonly #timers = new Map<ViewCore | WireQuery, Cancel>();
  /** Of the views with history, by the engine's id. */
  readonly #histories = new Map<string, HistoryView>();
  #cursor: PageCursor | undefined;
  #nextId = 1;
  #isStopped = false;

  constructor(options: PageViewsOptions) {
    this.#options = options;
  }

  /** The commit that every live view shows; undefined before the first turn. */
  get cursor(): PageCursor | undefined {
    return this.#cursor;
  }

  get all(): Iterable<ViewCore> {
    return this.#opened.values();
  }

  /** @throws TidemarkError `BAD_QUERY` for a name of the wire, as `order_by` */
  live(query: Query): LiveView {
    const timed = toTimedQuery(query);
    const id = JSON.stringify(timed);
    // Copies the query: later changes of the caller's object must not change the view.
    const own = JSON.parse(id) as TimedQuery;
    const written = JSON.parse(JSON.stringify(query)) as Query;
    const idle = new ViewCore(id, own.query, this.#options.pinsMax);
    const core = (): ViewCore => this.#views.get(id) ?? idle;
    return {
      query: written,
      subscribe: (listener) => this.#listen(id, own, listener),
      getSnapshot: () => core().snapshot(),
      row: (key) => core().snapshot().row(key),
      pause: async () => {
        const holder = core();
        holder.isPausing = true;
        const loaded = await import("./paused-view.ts").catch(
          importAgain<typeof import("./paused-view.ts")>,
        );
        if (holder.isPausing) loaded.pauseView(holder, this.#options.post);
      },
      resume: () => {
        const holder = core();
        holder.isPausing = false;
        holder.still?.paused?.resume();
      },
      pin: (key) => {
        const holder = core();
        holder.pin(key);
        return () => holder.unpin(key);
      },
      pinned: (key) => core().pinned(key),
      subscribeChanges: (listener) => this.#follow(id, own, listener),
    };
  }

  /** Changes the views without calling their listeners yet. Returns those that have changed. */
  apply(cursor: PageCursor | undefined, views: readonly ViewNews[]): Set<ViewCore> {
    this.#cursor = cursor;
    const changed = new Set<ViewCore>();
    for (const news of views) {
      const core = this.#opened.get(news.id);
      const history = this.#histories.get(news.id);
      core?.apply(history?.take(news) ?? news);
      history?.settle();
      if (core !== undefined) changed.add(core);
    }
    return changed;
  }

  /** Calls the listeners for changes of the server's rows. */
  tellFollowers(views: readonly ViewNews[]): void {
    for (const { id, rows } of views) {
      if (rows === undefined) continue;
      // A listener that throws must not keep the others from being called.
      callAll([...(this.#opened.get(id)?.followers ?? [])].map((follower) => () => follower(rows)));
    }
  }

  /** Lays pending writes over every view. Returns the views that have changed. */
  layOver(): readonly ViewCore[] {
    const writes = this.#options.writes();
    if (writes === undefined) return [];
    return [...this.#opened.values()].filter((core) => {
      // A write of the present changes nothing in the past.
      const isPast = this.#histories.get(core.id)?.isStill === true;
      const patches = isPast
        ? []
        : writes.pending.patchesFor(core.query.channel, core.at(this.#cursor));
      return core.layOver(
        patches,
        (key) => this.#rowElsewhere(core.query, key),
        writes.createOverlay,
      );
    });
  }

  /** The commit that each view shows: a write is over when all of them hold it. */
  get standings(): readonly (PageCursor | undefined)[] {
    return Array.from(this.#opened.values(), (core) => core.at(this.#cursor));
  }

  setDoubt(reason: string | undefined): void {
    for (const core of this.#opened.values()) core.setDoubt(reason);
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#timers.values()) cancel();
    for (const history of this.#histories.values()) history.stop();
  }

  #listen(id: string, query: TimedQuery, listener: () => void): () => void {
    const core = this.#views.get(id) ?? this.#open(id, query);
    this.#timers.get(core)?.();
    this.#timers.delete(core);
    // Wrapped, so that the same function may listen twice.
    const entry = (): void => listener();
    core.listeners.add(entry);
    return () => {
      if (!core.listeners.delete(entry)) return;
      if (core.listeners.size > 0 || this.#timers.has(core) || this.#isStopped) return;
      this.#timers.set(
        core,
        this.#options.clock.after(this.#options.lingerMs, () => this.#drop(id, core)),
      );
    };
  }

  /** The same view listened to for the changes of its rows alone. */
  #follow(id: string, query: TimedQuery, listener: (changes: RowChanges) => void): () => void {
    if (hasHistory(query))
      throw new TidemarkError("BAD_QUERY", "Bad query: a collection takes no query with history.");
    const stop = this.#listen(id, query, () => {});
    const core = this.#views.get(id);
    if (core === undefined) return stop;
    const entry = (changes: RowChanges): void => listener(changes);
    core.followers.add(entry);
    if (core.at(this.#cursor) !== undefined) listener({ upserts: core.baseRows, removes: [] });
    return () => {
      core.followers.delete(entry);
      stop();
    };
  }

  #open(id: string, timed: TimedQuery): ViewCore {
    const { query, asOf } = timed;
    const core = new ViewCore(String(this.#nextId++), query, this.#options.pinsMax);
    this.#views.set(id, core);
    this.#opened.set(core.id, core);
    if (hasHistory(timed)) void this.#openHistory(core, asOf);
    else this.#options.post({ kind: "open", id: core.id, query });
    return core;
  }

  /** The code for history is loaded with the first query that has it. */
  async #openHistory(core: ViewCore, asOf: TimedQuery["asOf"]): Promise<void> {
    const { clock, fetchHistory, historyRowsMax, post } = this.#options;
    const { query } = core;
    const code = await import("./history-view.ts")
      .catch(importAgain<typeof import("./history-view.ts")>)
      .catch(() => undefined);
    if (this.#opened.get(core.id) !== core || this.#isStopped) return;
    if (code === undefined) {
      // The server that sends the code is away.
      const again = (): void => void this.#openHistory(core, asOf);
      this.#timers.set(query, clock.after(LOAD_RETRY_MS, again));
      return;
    }
    const history: HistoryView = new code.HistoryView({
      core,
      query,
      asOf,
      clock,
      rowsMax: historyRowsMax,
      fetch: fetchHistory,
      post,
      close: () => this.#closeFeed(core, history),
    });
    this.#histories.set(core.id, history);
    history.begin();
  }

  /** The view's next feed has another id, so that late news of this one finds no view. */
  #closeFeed(core: ViewCore, history: HistoryView): void {
    this.#options.post({ kind: "close", id: core.id });
    this.#opened.delete(core.id);
    this.#histories.delete(core.id);
    core.id = String(this.#nextId++);
    this.#opened.set(core.id, core);
    this.#histories.set(core.id, history);
  }

  #drop(id: string, core: ViewCore): void {
    this.#timers.delete(core);
    this.#views.delete(id);
    this.#opened.delete(core.id);
    this.#histories.get(core.id)?.stop();
    this.#histories.delete(core.id);
    this.#options.post({ kind: "close", id: core.id });
  }

  /**
   * The row of a pending write that enters a view: another view may have it with all its columns. A
   * view that is behind does not count, since the row may be gone. A view of the whole channel has
   * every row itself.
   */
  #rowElsewhere({ channel, where, limit }: WireQuery, key: string): Row | undefined {
    if (where === undefined && limit === undefined) return undefined;
    for (const core of this.#opened.values()) {
      const isSource =
        core.query.channel === channel &&
        core.query.columns === undefined &&
        core.at(this.#cursor) === this.#cursor;
      const row = isSource ? core.baseRow(key) : undefined;
      if (row !== undefined) return row;
    }
    return undefined;
  }
}

function hasHistory({ query, asOf }: TimedQuery): boolean {
  return query.history === true || asOf !== undefined;
}
