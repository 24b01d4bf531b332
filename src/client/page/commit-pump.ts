/**
 * Shows commits, one at a time, each with the next animation frame: all views move together, then everyone
 * who looks is told, then whoever waits for a write. The next commit is asked for when this one is shown.
 */
import type { Clock } from "../../std/clock.ts";
import type { Details } from "./details.ts";
import type { LazyWrites } from "../writes/lazy-writes.ts";
import type { Pacing } from "./pacing.ts";
import type { PageViews } from "./page-views.ts";
import type { Commit, ViewNews, ViewState } from "../port.ts";
import type { UiMeter } from "./ui-metrics.ts";

export interface CommitPumpOptions {
  readonly clock: Clock;
  readonly pacing: Pacing;
  readonly views: PageViews;
  readonly writes: LazyWrites;
  readonly details: Details;
  readonly ui: UiMeter;
  /** The commit has been shown. */
  readonly onShown: () => void;
  /** What is pending has changed. */
  readonly onWrites: () => void;
}

/** A commit that had to wait longer, as a hidden page's does, is not live any more when it is shown. */
const LATE_MS = 1_500;

export class CommitPump {
  readonly #options: CommitPumpOptions;
  /** Taken with the next frame. */
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

  /** Rights were taken back: nothing is shown of what is held, nor of a commit that waits, as a hidden page's does for long. */
  revoke(): void {
    const { views, details } = this.#options;
    const waiting = this.#waiting;
    this.#waiting = waiting && {
      ...waiting,
      views: waiting.views.map(({ id, shape, state }) => ({
        id,
        ...(shape && { shape }),
        state: unseen(state),
      })),
    };
    details.forget();
    const news = [...views.all].map((core) => ({
      id: core.id,
      isForgotten: true as const,
      rows: { upserts: [], removes: core.keys },
      state: unseen(core.state),
    }));
    const changed = views.apply(views.position, news);
    views.tellFollowers(news);
    this.showWrites();
    for (const core of changed) core.notify();
  }

  /** A write began, or ended without the server: what is shown changes now. */
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
    const isLate = this.#options.clock.monotonic() - this.#waitingSinceMs > LATE_MS;
    try {
      this.#apply(isLate ? { ...commit, views: this.#late(commit.views) } : commit);
    } finally {
      // Whatever went wrong with it, the next one comes.
      this.#options.onShown();
    }
  }

  /** News that had to wait says nothing of now, nor do the views that it does not speak of. */
  #late(views: readonly ViewNews[]): readonly ViewNews[] {
    const named = new Set(views.map(({ id }) => id));
    const others = [...this.#options.views.all]
      .filter(({ id }) => !named.has(id))
      .map(({ id, state }) => ({ id, state }));
    return [...views, ...others].map((news) => ({ ...news, state: late(news.state) }));
  }

  #apply({ views: news, turns, position, results }: Commit): void {
    const { clock, views, writes, details, ui } = this.#options;
    const startMs = clock.monotonic();
    if (news.some(({ isForgotten }) => isForgotten === true)) details.forget();
    const changed = views.apply(position, news);
    writes.current?.take(position, results);
    for (const core of views.layOver()) changed.add(core);
    // Only now, when all views stand at the new position, may anyone look.
    views.tellFollowers(news);
    for (const core of changed) core.notify();
    this.#settleWrites(results.length > 0);
    ui.noteCommit(turns, clock.monotonic() - startMs);
  }

  /** Whoever waits for a write hears of it after every view has shown it. */
  #settleWrites(hasResults: boolean): void {
    const { views, writes, onWrites } = this.#options;
    const pending = writes.current?.pending;
    if (pending === undefined || (pending.isEmpty && !hasResults)) return;
    pending.settle(views.position, views.standings);
    if (hasResults) onWrites();
  }
}

function unseen(state: ViewState): ViewState {
  return { ...state, status: "loading", reason: "rights have changed" };
}

/** The next watermark, within a second, says that it is live again. */
function late(state: ViewState): ViewState {
  return state.status === "live"
    ? { ...state, status: "catching_up", reason: "the page was not shown for a while" }
    : state;
}
