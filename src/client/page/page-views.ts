/**
 * The views of a page: which queries are listened to, what is shown of each, and when one is let go.
 * A commit moves all of them before anyone is told.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { WireQuery } from "../../protocol/query.ts";
import { toWireQuery, type Query } from "../../protocol/user-query.ts";
import type { Row } from "../../protocol/row.ts";
import { callAll, ViewCore, type PinnedRow, type ViewSnapshot } from "./live-view.ts";
import type { PageWrites } from "../writes/page-writes.ts";
import type { Position, RowChanges, ToEngine, ViewNews } from "../port.ts";

/** A query that can be listened to. Handles are free; the view exists while someone listens. */
export interface LiveView<R = Row> {
  readonly query: Query;
  /** Calls back after each change; returns how to stop. Starts the view with its first listener. */
  subscribe(listener: () => void): () => void;
  /** The same object until something changed. */
  getSnapshot(): ViewSnapshot<R>;
  row(key: string): R | undefined;
  /** Keeps a row at hand, as what the user has selected, also when it leaves the view. Returns how to let go. */
  pin(key: string): () => void;
  pinned(key: string): PinnedRow<R> | undefined;
  /**
   * The server's own rows, without pending writes: calls back with those there are, then with what
   * each commit changed. For what keeps rows itself. Starts the view like `subscribe`.
   */
  follow(listener: (changes: RowChanges) => void): () => void;
}

export interface PageViewsOptions {
  readonly clock: Clock;
  /** How long a view without listeners is kept. */
  readonly lingerMs: number;
  /** Once there are any. */
  readonly writes: () => PageWrites | undefined;
  readonly post: (message: ToEngine) => void;
}

export class PageViews {
  readonly #options: PageViewsOptions;
  /** By query; and by the id that the engine knows, which is never used again. */
  readonly #views = new Map<string, ViewCore>();
  readonly #opened = new Map<string, ViewCore>();
  readonly #lingering = new Map<ViewCore, Cancel>();
  #position: Position | undefined;
  #nextId = 1;
  #isStopped = false;

  constructor(options: PageViewsOptions) {
    this.#options = options;
  }

  /** Where every live view stands; undefined before the first turn. */
  get position(): Position | undefined {
    return this.#position;
  }

  get all(): Iterable<ViewCore> {
    return this.#opened.values();
  }

  /** @throws TidemarkError `BAD_QUERY` for a field that a query does not have */
  live(query: Query): LiveView {
    const id = JSON.stringify(toWireQuery(query));
    // Copies: what the caller does with its object later must not change the view.
    const own = JSON.parse(id) as WireQuery;
    const written = JSON.parse(JSON.stringify(query)) as Query;
    const idle = new ViewCore(id, own);
    const core = (): ViewCore => this.#views.get(id) ?? idle;
    return {
      query: written,
      subscribe: (listener) => this.#listen(id, own, listener),
      getSnapshot: () => core().snapshot(),
      row: (key) => core().row(key),
      pin: (key) => {
        const holder = core();
        holder.pin(key);
        return () => holder.unpin(key);
      },
      pinned: (key) => core().pinned(key),
      follow: (listener) => this.#follow(id, own, listener),
    };
  }

  /** Moves the views without telling anyone yet. Returns those that look different. */
  apply(position: Position | undefined, views: readonly ViewNews[]): Set<ViewCore> {
    this.#position = position;
    const changed = new Set<ViewCore>();
    for (const news of views) {
      const core = this.#opened.get(news.id);
      core?.apply(news);
      if (core !== undefined) changed.add(core);
    }
    return changed;
  }

  /** Tells who keeps rows itself what the server's have changed. */
  tellFollowers(views: readonly ViewNews[]): void {
    for (const { id, rows } of views) {
      if (rows === undefined) continue;
      // What one does with them must not keep the others from hearing.
      callAll([...(this.#opened.get(id)?.followers ?? [])].map((follower) => () => follower(rows)));
    }
  }

  /** Lays what is pending over every view. Returns the views that look different now. */
  layOver(): readonly ViewCore[] {
    const writes = this.#options.writes();
    if (writes === undefined) return [];
    return [...this.#opened.values()].filter((core) => {
      const patches = writes.pending.patchesFor(core.query.channel, core.at(this.#position));
      return core.layOver(
        patches,
        (key) => this.#rowElsewhere(core.query, key),
        writes.createOverlay,
      );
    });
  }

  /** Where each view stands, for what waits until all of them hold it. */
  get standings(): readonly (Position | undefined)[] {
    return Array.from(this.#opened.values(), (core) => core.at(this.#position));
  }

  setDoubt(reason: string | undefined): void {
    for (const core of this.#opened.values()) core.setDoubt(reason);
  }

  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#lingering.values()) cancel();
  }

  #listen(id: string, query: WireQuery, listener: () => void): () => void {
    const core = this.#views.get(id) ?? this.#open(id, query);
    this.#lingering.get(core)?.();
    this.#lingering.delete(core);
    // Wrapped, so that the same function may listen twice.
    const entry = (): void => listener();
    core.listeners.add(entry);
    return () => {
      if (!core.listeners.delete(entry)) return;
      if (core.listeners.size > 0 || this.#lingering.has(core) || this.#isStopped) return;
      this.#lingering.set(
        core,
        this.#options.clock.after(this.#options.lingerMs, () => this.#drop(id, core)),
      );
    };
  }

  /** The same view listened to for the changes of its rows alone. */
  #follow(id: string, query: WireQuery, listener: (changes: RowChanges) => void): () => void {
    const stop = this.#listen(id, query, () => {});
    const core = this.#views.get(id);
    if (core === undefined) return stop;
    const entry = (changes: RowChanges): void => listener(changes);
    core.followers.add(entry);
    if (core.at(this.#position) !== undefined) listener({ upserts: core.baseRows, removes: [] });
    return () => {
      core.followers.delete(entry);
      stop();
    };
  }

  #open(id: string, query: WireQuery): ViewCore {
    const core = new ViewCore(String(this.#nextId++), query);
    this.#views.set(id, core);
    this.#opened.set(core.id, core);
    this.#options.post({ kind: "open", id: core.id, query });
    return core;
  }

  #drop(id: string, core: ViewCore): void {
    this.#lingering.delete(core);
    this.#views.delete(id);
    this.#opened.delete(core.id);
    this.#options.post({ kind: "close", id: core.id });
  }

  /**
   * A row that enters a view by a pending write is whole in another one, if at all; one that is behind
   * may hold a row that is gone. A view of the whole channel has every row that there is.
   */
  #rowElsewhere({ channel, where, limit }: WireQuery, key: string): Row | undefined {
    if (where === undefined && limit === undefined) return undefined;
    for (const core of this.#opened.values()) {
      const isSource =
        core.query.channel === channel &&
        core.query.columns === undefined &&
        core.at(this.#position) === this.#position;
      const row = isSource ? core.baseRow(key) : undefined;
      if (row !== undefined) return row;
    }
    return undefined;
  }
}
