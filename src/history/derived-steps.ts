/**
 * What commits were for derived tables with history. The log does not have it: the tables tell it
 * when they have followed a commit, so the writer takes commits no earlier than they do.
 *
 * Retains the steps of commits that the writer has not taken.
 */
import type { Commit } from "../log/log.ts";
import type { DerivedStep } from "../table/derived-tables.ts";

export class DerivedSteps {
  readonly #steps = new Map<number, DerivedStep>();
  readonly #listeners: (() => void)[] = [];
  /** The tables are as of this seq; undefined where the writer need not wait for them. */
  #seq: number | undefined;

  /** `onStep` registers a listener of the tables' steps; absent where none has history. */
  constructor(onStep: ((listener: (step: DerivedStep) => void) => void) | undefined) {
    this.#seq = onStep && 0;
    onStep?.((step) => {
      if (this.#seq === undefined) return;
      this.#seq = step.seq;
      if (step.declares.length + step.changes.length > 0) this.#steps.set(step.seq, step);
      for (const listener of this.#listeners) listener();
    });
  }

  /** Called when the tables have followed a commit. */
  onNews(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** The commits that the tables have followed. */
  due(commits: readonly Commit[]): readonly Commit[] {
    const seq = this.#seq;
    const first = seq === undefined ? -1 : commits.findIndex((commit) => commit.seq > seq);
    return first === -1 ? commits : commits.slice(0, first);
  }

  take(seq: number): DerivedStep | undefined {
    const step = this.#steps.get(seq);
    this.#steps.delete(seq);
    return step;
  }

  /**
   * The tables follow no more: the next start finds what later commits change in derived tables.
   */
  end(): void {
    this.#seq = undefined;
  }
}
