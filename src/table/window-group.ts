/**
 * Windows that share an ordered index, and how one change finds those that it concerns: each stands
 * in a tree of intervals from its start to its frontier, so a change visits the windows that reach
 * as far as the row's place before or after it.
 *
 * Retains the index, and one tree entry per window.
 */
import { contains, type Interval } from "./interval.ts";
import { IntervalTree } from "./interval-tree.ts";
import { AFTER_ALL, BEFORE_ALL, type Place } from "./index-order.ts";
import type { IndexStep, OrderedIndex } from "./ordered-index.ts";
import type { Route } from "./route.ts";
import type { WindowView } from "./window-view.ts";

/** A window, and where a change finds it. */
export class WindowEntry {
  readonly view: WindowView;
  readonly group: WindowGroup;
  /** The identity that requested the window; undefined without identities. */
  readonly owner: string | undefined;
  /** The terms by which the channel's router may find the window while it is complete. */
  readonly route: Route;
  /** Its interval in the group's tree, if it is found there. */
  interval: Interval<Place> | undefined;
  /** The route in the channel's router, if it is found there. */
  placed: Route | undefined;
  /** The candidates that the pool has counted. */
  counted = 0;

  constructor(
    view: WindowView,
    group: WindowGroup,
    { owner, route }: { readonly owner: string | undefined; readonly route: Route },
  ) {
    this.view = view;
    this.group = group;
    this.owner = owner;
    this.route = route;
  }

  /** Every change of the index visits the window, wherever the row stands. */
  get isEverywhere(): boolean {
    const { interval } = this;
    return interval !== undefined && interval.lower === undefined && interval.upper === undefined;
  }
}

export class WindowGroup {
  readonly id: string;
  readonly index: OrderedIndex;
  /** What the channel's router finds the index by. */
  readonly route: Route;
  readonly windows = new Set<WindowEntry>();
  readonly #tree: IntervalTree<WindowEntry, Place>;
  /** The entries of the index that the pool has counted. */
  counted = 0;

  constructor(id: string, index: OrderedIndex, route: Route) {
    this.id = id;
    this.index = index;
    this.route = route;
    this.#tree = new IntervalTree(index.order.compare);
  }

  /** The identity whose share the index counts against: that of its oldest window. */
  get owner(): string | undefined {
    const [oldest] = this.windows;
    return oldest?.owner;
  }

  /** Places the window by its present frontier. */
  place(entry: WindowEntry): void {
    const { start, frontier } = entry.view;
    if (entry.interval !== undefined && entry.interval.upper?.value === placeOf(frontier)) return;
    this.displace(entry);
    entry.interval = { lower: endAt(start, BEFORE_ALL), upper: endAt(frontier, AFTER_ALL) };
    this.#tree.add(entry.interval, entry);
  }

  displace(entry: WindowEntry): void {
    if (entry.interval === undefined) return;
    this.#tree.delete(entry.interval, entry);
    entry.interval = undefined;
  }

  /** The windows that have read the row's place before a change, then others that have after it. */
  *affectedBy({ before, after }: IndexStep): Generator<readonly WindowEntry[], void> {
    const { compare } = this.index.order;
    if (before !== undefined) yield this.#having(before);
    if (after === undefined || (before !== undefined && compare(before, after) === 0)) return;
    yield this.#having(after, before);
  }

  /** The windows that have read the one place, and not the other. */
  #having(place: Place, other?: Place): readonly WindowEntry[] {
    const found: WindowEntry[] = [];
    this.#tree.containing(place, (entry, interval) => {
      if (other === undefined || !contains(interval, other, this.index.order.compare))
        found.push(entry);
    });
    return found;
  }
}

/** Undefined for the place that is no bound. */
function endAt(place: Place, none: Place): Interval<Place>["lower"] {
  return place === none ? undefined : { value: place, isOpen: false };
}

function placeOf(place: Place): Place | undefined {
  return place === AFTER_ALL ? undefined : place;
}
