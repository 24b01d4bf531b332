/**
 * Shows commits, one at a time, each with the next animation frame: all views change together, then
 * their listeners are called, then the promises of writes resolve. The next commit is requested
 * when this one is shown.
 */
import type { Clock } from "../../std/clock.ts";
import type { LazyWrites } from "../writes/lazy-writes.ts";
import type { Pacing } from "./pacing.ts";
import type { PageViews } from "./page-views.ts";
import type { Commit, ViewNews, ViewState } from "../port.ts";
import type { RowCache } from "./row-cache.ts";
import type { UiMeter } from "./ui-metrics.ts";
import { SHOWN_LATE_MS } from "../limits.ts";

export interface CommitPumpOptions {
  readonly clock: Clock;
  readonly pacing: Pacing;
  readonly views: PageViews;
  readonly writes: LazyWrites;
  readonly rowCache: RowCache;
  readonly ui: UiMeter;
  /** The commit has been shown. */
  readonly onShown: () => void;
  /** The list of pending writes has changed. */
  readonly onWrites: () => void;
}

export class CommitPump {
  readonly #options: CommitPumpOptions;
  /** The commit that the next frame shows. */
  #waiting: Commit | undefined;
  #waitingSinceMs = 0;
  #isStopped = false;

  constructor(options: CommitPumpOptions) {
    this.#options = options;
  }

  take(commit: Commit): void {
    const { clock, pacing } = this.#options;
    this.#waiting = commit;
    this.#waitingSinceMs = clock.monotonic();
    pacing.next(() => this.#show());
  }

  /**
   * Rights were revoked: the page removes all rows, also those of a commit that waits for a frame.
   */
  revoke(): void {
    const { views, rowCache } = this.#options;
    const waiting = this.#waiting;
    this.#waiting = waiting && {
      ...waiting,
      views: waiting.views.map(({ id, shape, state }) => ({
        id,
        ...(shape && { shape }),
        state: unseen(state),
      })),
    };
    rowCache.forget();
    const news = [...views.all].map((core) => ({
      id: core.id,
      isForgotten: true as const,
      rows: { upserts: [], removes: core.keys },
      state: unseen(core.state),
    }));
    const changed = views.apply(views.cursor, news);
    views.tellFollowers(news);
    this.showWrites();
    for (const core of changed) core.notify();
  }

  /** A write began, or ended without the server: the shown rows change now. */
  showWrites(): void {
    for (const core of this.#options.views.layOver()) core.notify();
    this.#options.onWrites();
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting = undefined;
  }

  #show(): void {
    const commit = this.#waiting;
    this.#waiting = undefined;
    if (commit === undefined || this.#isStopped) return;
    const isLate = this.#options.clock.monotonic() - this.#waitingSinceMs > SHOWN_LATE_MS;
    try {
      this.#apply(isLate ? { ...commit, views: this.#late(commit.views) } : commit);
    } finally {
      // The next commit comes even if this one failed.
      this.#options.onShown();
    }
  }

  /** A commit that waited is old: neither its views nor the others are known to be live. */
  #late(views: readonly ViewNews[]): readonly ViewNews[] {
    const named = new Set(views.map(({ id }) => id));
    const others = [...this.#options.views.all]
      .filter(({ id }) => !named.has(id))
      .map(({ id, state }) => ({ id, state }));
    return [...views, ...others].map((news) => ({ ...news, state: late(news.state) }));
  }

  #apply({ views: news, turns, cursor, results }: Commit): void {
    const { clock, views, writes, rowCache, ui } = this.#options;
    const startMs = clock.monotonic();
    if (news.some(({ isForgotten }) => isForgotten === true)) rowCache.forget();
    const changed = views.apply(cursor, news);
    writes.current?.take(cursor, results);
    for (const core of views.layOver()) changed.add(core);
    // Listeners are called only now that all views show the new commit.
    views.tellFollowers(news);
    for (const core of changed) core.notify();
    this.#settleWrites(results.length > 0);
    ui.noteCommit(turns, clock.monotonic() - startMs, this.#waitingSinceMs);
  }

  /** The promise of a write resolves after every view has shown the write. */
  #settleWrites(hasResults: boolean): void {
    const { views, writes, onWrites } = this.#options;
    const pending = writes.current?.pending;
    if (pending === undefined || (pending.isEmpty && !hasResults)) return;
    pending.settle(views.cursor, views.standings);
    if (hasResults) onWrites();
  }
}

function unseen(state: ViewState): ViewState {
  return { ...state, status: "loading", reason: "permissions have changed" };
}

/** The next watermark, within a second, makes the view live again. */
function late(state: ViewState): ViewState {
  return state.status === "live"
    ? { ...state, status: "catching_up", reason: "the page was hidden" }
    : state;
}
