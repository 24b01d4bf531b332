/**
 * The windows of one channel. Windows of one order share an index of the channel's rows; under a
 * policy, or with a `column = value` term, they share one of the rows that these let through, so
 * that no window looks at a row that its client may not see.
 */
import { assert } from "../std/assert.ts";
import { TidemarkError } from "../std/errors.ts";
import { equalityKey } from "../protocol/column.ts";
import type { WireWhere } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import type { Predicate, WhereContext } from "../protocol/where.ts";
import { AFTER_ALL, BEFORE_ALL, type IndexOrder, type Place } from "./index-order.ts";
import type { CommitPoint, RowChange } from "./live-table.ts";
import { OrderedIndex } from "./ordered-index.ts";
import { intervalOf, routeOf, type EqualityRoute, type Route } from "./route.ts";
import { isRouted, type ViewRouter } from "./router.ts";
import type { View, ViewOptions } from "./view.ts";
import type { ViewPool } from "./view-pool.ts";
import { WindowEntry, WindowGroup } from "./window-group.ts";
import { WindowView } from "./window-view.ts";
import type { FilteredView } from "./filtered-view.ts";

/** What the router of a channel finds. */
export type Routed = FilteredView | WindowGroup | WindowEntry;

export interface WindowRequest extends ViewOptions {
  readonly order: IndexOrder;
  readonly policy: WireWhere | undefined;
  /** The rows that the policy lets through. */
  readonly mayBeSeen: Predicate;
  readonly owner: string | undefined;
}

/** The rows of an index. */
interface Base {
  readonly id: string;
  readonly includes: Predicate;
  readonly route: Route;
}

export interface WindowsOptions {
  readonly context: WhereContext;
  readonly router: ViewRouter<Routed>;
  readonly pool: ViewPool;
  /** Makes room for something that every change visits. @throws TidemarkError `TOO_MANY_VIEWS` */
  readonly checkUnrouted: (owner: string | undefined) => void;
}

const NO_ROUTE: Route = { equality: undefined, range: undefined };

export class Windows {
  readonly #options: WindowsOptions;
  readonly #groups = new Map<string, WindowGroup>();
  readonly #entries = new Map<View, WindowEntry>();
  /** Windows that every change visits although their index has all rows. */
  readonly #unrouted = new Set<WindowEntry>();
  /** Windows that have used most of their reserve. */
  readonly #short = new Set<WindowEntry>();
  /** Until `settle`: the indexes and windows that have followed changes, and what failed. */
  readonly #followed = new Set<WindowGroup>();
  readonly #touched = new Set<WindowEntry>();
  readonly #failed = new Map<View, TidemarkError>();

  constructor(options: WindowsOptions) {
    this.#options = options;
  }

  /** The indexes, each with the identity whose share it counts against. */
  get groups(): Iterable<WindowGroup> {
    return this.#groups.values();
  }

  /** Windows that each change visits, in addition to those that the router counts. */
  get unroutedCount(): number {
    return this.#unrouted.size;
  }

  get isShort(): boolean {
    return this.#short.size > 0;
  }

  /** Windows and indexes of one identity that every change visits. */
  unroutedOf(owner: string): number {
    let count = 0;
    for (const entry of this.#unrouted) if (entry.owner === owner) count++;
    for (const group of this.groups) if (!isRouted(group.route) && group.owner === owner) count++;
    return count;
  }

  /** Adds a window, which `fill` builds. @throws TidemarkError `BAD_QUERY`, `TOO_MANY_VIEWS` */
  open(request: WindowRequest): WindowView {
    const { query, policy, order, owner } = request;
    const { context, pool } = this.#options;
    const group = this.#groupFor(order, this.#baseOf(request), owner);
    const { windowReserveRows, windowStepsPerRowMax } = pool.limits;
    const view = new WindowView({
      ...request,
      limit: query.limit ?? Number.POSITIVE_INFINITY,
      reserve: windowReserveRows,
      stepsPerRowMax: windowStepsPerRowMax,
      index: group.index,
      ...spanOf(query.where, order, context),
    });
    const route = policy === undefined ? routeOf(query.where, context) : NO_ROUTE;
    const entry = new WindowEntry(view, group, { owner, route });
    group.windows.add(entry);
    this.#entries.set(view, entry);
    return view;
  }

  /**
   * Builds the index, if that is left to do, then the window. Returns whether the window is built
   * as of `point`. @throws TidemarkError `QUERY_TOO_COSTLY`, `VIEW_TOO_LARGE`, `TOO_MANY_VIEWS`
   */
  fill(view: WindowView, point: CommitPoint, isOver: () => boolean): boolean {
    const entry = this.#entries.get(view);
    assert(entry !== undefined, "a window is filled while it is open");
    const { group, owner } = entry;
    const { fillStepRows } = this.#options.pool.limits;
    while (!group.index.isWhole) {
      const isWhole = group.index.build(fillStepRows);
      this.#checkSize(group, group.index, owner);
      if (isWhole) this.#options.pool.noteFilled(group.index, group.owner);
      if (isOver()) return false;
    }
    for (let isDone = false; !isDone;) {
      isDone = view.walk(fillStepRows);
      this.#place(entry);
      this.#checkSize(entry, view, owner);
      if (!isDone && isOver()) return false;
    }
    const settling = view.settle(point, fillStepRows);
    while (settling.next().done !== true) if (isOver()) return false;
    if (!this.#unrouted.delete(entry)) return true;
    this.#options.checkUnrouted(owner);
    this.#unrouted.add(entry);
    return true;
  }

  /**
   * Follows a change, one window per step, in an index or a window that the router found by it.
   */
  *follow(found: WindowGroup | WindowEntry, change: RowChange): Generator<void, void> {
    const group = found instanceof WindowEntry ? found.group : found;
    // It may have ended since the change was routed.
    if (this.#groups.get(group.id) !== group) return;
    const step = group.index.follow(change);
    if (step === undefined) return;
    this.#followed.add(group);
    for (const entries of found instanceof WindowEntry ? [[found]] : group.affectedBy(step)) {
      yield;
      for (const entry of entries) {
        if (!isOpen(entry)) continue;
        this.#attempt(entry, () => {
          if (entry.view.follow(step)) this.#touched.add(entry);
        });
        yield;
      }
    }
  }

  /**
   * Shows what the changes of a commit have changed, a window or a part of it per step, and adds
   * the views that changed to `dirty`. Returns the views that failed.
   */
  *settle(point: CommitPoint, dirty: Set<View>): Generator<void, ReadonlyMap<View, TidemarkError>> {
    for (const group of this.#followed) this.#count(group, group.index);
    this.#followed.clear();
    for (const entry of this.#touched) {
      this.#touched.delete(entry);
      const steps = entry.view.settle(point, this.#options.pool.limits.fillStepRows);
      // It may end between the steps.
      while (isOpen(entry) && this.#settleOn(entry, steps, dirty)) yield;
      yield;
    }
    return this.#takeFailed();
  }

  /**
   * Walks on for windows that have used most of their reserve, until `isOver` or none is left.
   * Returns the views that failed.
   */
  refill(isOver: () => boolean): ReadonlyMap<View, TidemarkError> {
    const { fillStepRows } = this.#options.pool.limits;
    for (const entry of this.#short) {
      this.#attempt(entry, () => {
        let isDone = false;
        while (!isDone) {
          isDone = entry.view.walk(fillStepRows);
          if (isOver()) break;
        }
        this.#place(entry);
        this.#count(entry, entry.view);
        if (isDone) this.#short.delete(entry);
      });
      if (isOver()) break;
    }
    return this.#takeFailed();
  }

  close(view: View): void {
    const entry = this.#entries.get(view);
    if (entry === undefined) return;
    const { group } = entry;
    const { pool, router } = this.#options;
    this.#displace(entry);
    this.#entries.delete(view);
    for (const set of [this.#unrouted, this.#short, this.#touched]) set.delete(entry);
    group.windows.delete(entry);
    pool.entries -= entry.counted;
    if (group.windows.size > 0) return;
    router.remove(group, group.route);
    this.#groups.delete(group.id);
    this.#followed.delete(group);
    pool.entries -= group.counted;
  }

  /** One step. Returns whether it was not the last. */
  #settleOn(entry: WindowEntry, steps: Iterator<void, boolean>, dirty: Set<View>): boolean {
    let isLast = true;
    this.#attempt(entry, () => {
      const { done, value: hasChanged } = steps.next();
      isLast = done === true;
      if (!isLast) return;
      if (hasChanged === true) dirty.add(entry.view);
      this.#place(entry);
      this.#count(entry, entry.view);
    });
    return !isLast;
  }

  #groupFor(order: IndexOrder, base: Base, owner: string | undefined): WindowGroup {
    const id = `${order.id} ${base.id}`;
    const existing = this.#groups.get(id);
    if (existing !== undefined) return existing;
    const { router, checkUnrouted } = this.#options;
    if (!isRouted(base.route)) checkUnrouted(owner);
    const rows = router.rowsFor(base.route);
    const index = new OrderedIndex({ order, includes: base.includes, rows });
    const group = new WindowGroup(id, index, base.route);
    router.add(group, base.route);
    this.#groups.set(id, group);
    return group;
  }

  /** The rows of the channel that the window's index has. */
  #baseOf({ query, policy, mayBeSeen }: WindowRequest): Base {
    const { context, router } = this.#options;
    if (policy !== undefined) {
      const route = router.usable(routeOf(policy, context));
      return { id: `policy ${JSON.stringify(policy)}`, includes: mayBeSeen, route };
    }
    const { equality } = router.usable(routeOf(query.where, context));
    if (equality === undefined) return { id: "all", includes: () => true, route: NO_ROUTE };
    return {
      id: `equality ${JSON.stringify([equality.column, equality.values.toSorted()])}`,
      includes: includesEqual(equality, context),
      route: { equality, range: undefined },
    };
  }

  /** Puts the window where changes find it. */
  #place(entry: WindowEntry): void {
    const { view, group } = entry;
    const route = this.#routeFor(entry);
    if (route === undefined) {
      if (entry.placed !== undefined) this.#displace(entry);
      group.place(entry);
    } else if (entry.placed === undefined) {
      group.displace(entry);
      this.#options.router.add(entry, route);
      entry.placed = route;
    }
    if (entry.isEverywhere && !isRouted(group.route)) this.#unrouted.add(entry);
    else this.#unrouted.delete(entry);
    if (view.isShort) this.#short.add(entry);
    else this.#short.delete(entry);
  }

  #displace(entry: WindowEntry): void {
    entry.group.displace(entry);
    if (entry.placed !== undefined) this.#options.router.remove(entry, entry.placed);
    entry.placed = undefined;
  }

  /** The route of a complete window, where the router finds it better than its group. */
  #routeFor({ view, group, route, placed }: WindowEntry): Route | undefined {
    if (!view.isComplete || isRouted(group.route)) return undefined;
    if (placed !== undefined) return placed;
    const usable = this.#options.router.usable(route);
    return isRouted(usable) ? usable : undefined;
  }

  /** @throws TidemarkError `VIEW_TOO_LARGE` */
  #checkSize(
    holder: WindowGroup | WindowEntry,
    sized: OrderedIndex | WindowView,
    owner: string | undefined,
  ): void {
    const { pool } = this.#options;
    this.#count(holder, sized);
    pool.checkEntries();
    pool.checkBytes(sized, owner);
  }

  #count(holder: WindowGroup | WindowEntry, { entries }: OrderedIndex | WindowView): void {
    this.#options.pool.entries += entries - holder.counted;
    holder.counted = entries;
  }

  /** What fails for one window concerns no other. */
  #attempt(entry: WindowEntry, run: () => void): void {
    if (this.#failed.has(entry.view)) return;
    try {
      run();
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.#failed.set(entry.view, error);
    }
  }

  #takeFailed(): ReadonlyMap<View, TidemarkError> {
    const failed = new Map(this.#failed);
    this.#failed.clear();
    return failed;
  }
}

/** A window may end between the steps of a commit. */
function isOpen(entry: WindowEntry): boolean {
  return entry.group.windows.has(entry);
}

/** The places of the order between which all rows are that the where can match. */
function spanOf(
  where: WireWhere | undefined,
  order: IndexOrder,
  context: WhereContext,
): { readonly start: Place; readonly end: Place } {
  const interval =
    order.first === undefined ? "all" : intervalOf(where, order.first.column, context);
  if (interval === "all") return { start: BEFORE_ALL, end: AFTER_ALL };
  if (interval === undefined) return { start: AFTER_ALL, end: AFTER_ALL };
  return order.span(interval);
}

function includesEqual({ column, values }: EqualityRoute, context: WhereContext): Predicate {
  const type = context.typeOf(column) ?? "any";
  const wanted = new Set(values);
  return (row: Row) => {
    const value = row[column] ?? null;
    return value !== null && wanted.has(equalityKey(type, value));
  };
}
