/** Tells sources which views have subscribers. */
import type { Cancel, Clock } from "../std/clock.ts";
import type { WireWhere } from "../protocol/query.ts";
import { fromWireQuery } from "../protocol/user-query.ts";
import { equalityTerms, type Interest, type WatchedView } from "../sources/interest.ts";
import type { View } from "../table/view.ts";

export class InterestTracker {
  readonly #clock: Clock;
  readonly #watched = new Map<View, WatchedView>();
  readonly #listeners = new Set<{
    readonly isOurs: (channel: string) => boolean;
    readonly tell: () => void;
    isTold: boolean;
  }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A view has its first subscriber. */
  watch(view: View, policy: WireWhere | undefined): void {
    const { channel, query } = view;
    const where =
      query.where === undefined || policy === undefined
        ? (query.where ?? policy)
        : { and: [query.where, policy] };
    this.#watched.set(view, {
      channel,
      query: fromWireQuery(query),
      equals: equalityTerms(where),
    });
    this.#tell(channel);
  }

  /** The last subscriber of a view has gone. */
  unwatch(view: View): void {
    if (this.#watched.delete(view)) this.#tell(view.channel);
  }

  /** The interest in one source's channels. */
  of(isOurs: (channel: string) => boolean): Interest {
    const watched = (): readonly WatchedView[] =>
      [...this.#watched.values()].filter(({ channel }) => isOurs(channel));
    return {
      get views() {
        return watched();
      },
      onChange: (listener): Cancel => {
        const entry = { isOurs, tell: listener, isTold: true };
        this.#listeners.add(entry);
        return () => this.#listeners.delete(entry);
      },
    };
  }

  #tell(channel: string): void {
    for (const entry of this.#listeners) {
      if (!entry.isTold || !entry.isOurs(channel)) continue;
      entry.isTold = false;
      this.#clock.soon(() => {
        entry.isTold = true;
        if (this.#listeners.has(entry)) entry.tell();
      });
    }
  }
}
