/**
 * Posts the page's changes as one commit at a time: the next when the page has shown the last.
 */
import type { PageCursor, ToEngine, ToPage } from "../port.ts";
import type { WriteSender } from "../writes/write-sender.ts";
import type { SubscribedViews } from "./subscribed-views.ts";

export class PageCommits {
  readonly #post: (message: ToPage) => void;
  readonly #views: SubscribedViews;
  /** The page has not shown the last commit yet. */
  #isBusy = false;
  #turns = 0;

  constructor(post: (message: ToPage) => void, views: SubscribedViews) {
    this.#post = post;
    this.#views = views;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  noteTurn(): void {
    this.#turns++;
  }

  /** The page has shown the last commit, or waits for a view. */
  handle(message: ToEngine & { readonly kind: "ack" | "await" }): void {
    if (message.kind === "ack") this.#isBusy = false;
    else this.#views.list.find(({ id }) => id === message.id)?.awaitSeq(message.seq);
  }

  /** Returns whether the page has shown everything: then there was nothing to post. */
  publish(cursor: PageCursor | undefined, writes: WriteSender | undefined): boolean {
    if (this.#isBusy) return false;
    const views = this.#views.list.filter(({ hasNews }) => hasNews).map((view) => view.takeNews());
    if (views.length === 0 && writes?.hasNews(cursor) !== true) return true;
    this.#isBusy = true;
    const turns = this.#turns;
    this.#turns = 0;
    this.#post({ kind: "commit", views, results: writes?.takeResults() ?? [], turns, cursor });
    return false;
  }
}
