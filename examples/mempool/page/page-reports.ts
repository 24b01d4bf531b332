/** The last report of the page about itself, for the status strip. */
import type { PageReport } from "tidemark/client";

export class PageReports {
  #last: PageReport | undefined;
  readonly #listeners = new Set<() => void>();

  take = (report: PageReport): void => {
    this.#last = report;
    for (const listener of this.#listeners) listener();
  };

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  getSnapshot = (): PageReport | undefined => this.#last;
}
