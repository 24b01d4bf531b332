/**
 * Views that follow their tables, in steps. A commit changes the tables at once. What it changes in
 * the views may take long, because ten thousand of them may have one row, so it can be left after
 * each step and continued later.
 *
 * Retains the changes that the views have not followed yet.
 */
import type { CommitPoint, RowChange } from "./live-table.ts";
import type { ViewSet } from "./view-set.ts";

/** One channel's changes of a commit, and the views that have to follow them. */
export interface Followed {
  readonly views: ViewSet;
  readonly changes: readonly RowChange[];
  readonly point: CommitPoint;
  /** What to do when the views can't follow. */
  readonly onFailed: (error: unknown) => void;
}

interface Pending {
  readonly views: ViewSet;
  readonly steps: Iterator<void>;
  readonly onFailed: (error: unknown) => void;
}

export class Following {
  #pending: readonly Pending[] = [];

  /** Whether the views have followed everything. */
  get isDone(): boolean {
    return this.#pending.length === 0;
  }

  add({ views, changes, point, onFailed }: Followed): void {
    if (changes.length === 0) return;
    const steps = views.follow(changes, point);
    this.#pending = [...this.#pending, { views, steps, onFailed }];
  }

  /** Follows on until `isOver` or everything is done. Returns whether it is. */
  run(isOver: () => boolean): boolean {
    for (let [first] = this.#pending; first !== undefined; [first] = this.#pending) {
      if (isStepLast(first)) this.#pending = this.#pending.filter((left) => left !== first);
      if (isOver()) break;
    }
    return this.isDone;
  }

  /** The views have ended. */
  drop(views: ViewSet): void {
    this.#pending = this.#pending.filter((left) => left.views !== views);
  }
}

function isStepLast({ steps, onFailed }: Pending): boolean {
  try {
    return steps.next().done === true;
  } catch (error) {
    onFailed(error);
    return true;
  }
}
