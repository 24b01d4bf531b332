/**
 * The views of one channel: shared by equal query and policy, built in slices when first
 * requested, updated by every change, kept for a while after the last subscriber left. A view that
 * costs too much or is too large is refused.
 */
import { assert } from "../std/assert.ts";
import { TidemarkError } from "../std/errors.ts";
import type { WireQuery, WireWhere } from "../protocol/query.ts";
import type { WhereContext } from "../protocol/where.ts";
import { whereContextOf } from "./channel.ts";
import { compileMembership } from "./compile-membership.ts";
import { costliestOver, EvaluationBudget } from "./evaluation-budget.ts";
import type { LiveTable, CommitPoint, RowChange } from "./live-table.ts";
import { ChannelView } from "./channel-view.ts";
import { checkHistory, FeedView } from "./feed-view.ts";
import { FilteredView } from "./filtered-view.ts";
import { IndexOrder } from "./index-order.ts";
import type { RowNode } from "./change-ordered-rows.ts";
import { RangeRows } from "./range-rows.ts";
import { routeOf, type Route } from "./route.ts";
import { isRouted, ViewRouter } from "./router.ts";
import { differenceOf, viewIdOf, type ViewNaming } from "./view-id.ts";
import type { Holding, ViewPool } from "./view-pool.ts";
import { WindowView } from "./window-view.ts";
import { Windows, type Routed } from "./windows.ts";
import type { View } from "./view.ts";

interface ViewEntry {
  readonly view: View;
  readonly budget: EvaluationBudget;
  /** The identity that requested the view first; undefined without identities. */
  readonly owner: string | undefined;
  readonly filtered: FilteredEntry | undefined;
  /** The view is complete. */
  isFilled: boolean;
  users: number;
  idleSinceMs: number;
}

const NONE_LEFT = { done: true, value: undefined } as const;

interface FilteredEntry {
  /** How the router finds the view. */
  readonly route: Route;
  /** The rows that it has not evaluated yet; undefined, so that none is kept, when it is filled. */
  unread: Iterator<RowNode | undefined> | undefined;
}

/** `more`: rows are left to be evaluated. `gone`: the view has ended. */
export type FillResult = "whole" | "more" | "gone";

export class ViewSet {
  readonly #table: LiveTable;
  readonly #pool: ViewPool;
  readonly #naming: ViewNaming;
  readonly #context: WhereContext;
  readonly #router: ViewRouter<Routed>;
  readonly #windows: Windows;
  readonly #ranges: RangeRows;
  readonly #bare: ChannelView;
  readonly #entries = new Map<string, ViewEntry>();
  /** The views with terms whose cost depends on a text's length. */
  readonly #metered = new Set<ViewEntry>();
  /** Queries that proved too costly, or too large, by view id. */
  readonly #refused = new Map<
    string,
    { readonly error: TidemarkError; sinceMs: number | undefined }
  >();

  constructor(table: LiveTable, pool: ViewPool, naming: ViewNaming) {
    this.#naming = naming;
    this.#table = table;
    this.#pool = pool;
    this.#context = whereContextOf(table.channel);
    this.#router = new ViewRouter<Routed>(this.#context, table.rows, pool.limits.routedColumnsMax);
    this.#ranges = new RangeRows(this.#context, table.rows, pool);
    this.#windows = new Windows({
      context: this.#context,
      router: this.#router,
      pool,
      checkUnrouted: (owner) => this.#checkUnrouted(owner),
    });
    this.#bare = new ChannelView(
      viewIdOf(table.channel, { channel: table.channel.name }, undefined, naming),
      table.channel,
      table.rows,
    );
    pool.sets.add(this);
  }

  /** Views besides the bare channel. */
  get size(): number {
    return this.#entries.size;
  }

  /** What takes memory, and the identities whose shares it counts against. */
  *holdings(): Iterable<Holding> {
    for (const { view, owner, isFilled } of this.#entries.values())
      yield { bytes: view.bytes, owner, isFilled, refuse: (error) => this.refuse(view, error) };
    for (const { index, owner, windows } of this.#windows.groups) {
      const refuse = (error: TidemarkError): void => {
        for (const { view } of windows) this.refuse(view, error);
      };
      yield { bytes: index.bytes, owner, isFilled: index.isWhole, refuse };
    }
    yield* this.#ranges.holdings();
  }

  /**
   * The view for a query under a policy. A new view is built as of `point`: call `fill` until it
   * is complete. Each call must be matched by a `release`.
   * @throws TidemarkError `BAD_QUERY`, `BAD_REGEX`, `QUERY_TOO_COSTLY`, `TOO_MANY_VIEWS`,
   * `VIEW_TOO_LARGE`
   */
  open(
    query: WireQuery,
    policy: WireWhere | undefined,
    point: CommitPoint,
    owner: string | undefined,
  ): View {
    const id = this.idOf(query, policy);
    if (id === this.#bare.id) return this.#bare;
    const refused = this.#refused.get(id);
    if (refused !== undefined) throw refused.error;
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      entry = this.#build(id, query, policy, point, owner);
      this.#entries.set(id, entry);
      if (entry.budget.isMetered) this.#metered.add(entry);
      this.#pool.count(owner, 1);
    }
    entry.users++;
    return entry.view;
  }

  /**
   * Evaluates further rows until `isOver` or the view is complete. The view follows changes
   * meanwhile. An error ends the view; a view that is gone, by an error or with its channel, may
   * be opened anew.
   * @throws TidemarkError `QUERY_TOO_COSTLY`, `VIEW_TOO_LARGE`, `TOO_MANY_VIEWS`
   */
  fill(view: View, point: CommitPoint, isOver: () => boolean): FillResult {
    if (view === this.#bare) return "whole";
    const entry = this.#entries.get(view.id);
    if (entry?.view !== view) return "gone";
    if (entry.isFilled) return "whole";
    try {
      if (!this.#fillOn(entry, point, isOver)) return "more";
    } catch (error) {
      // A view that is too large for one identity may have room for another.
      if (error instanceof TidemarkError && error.code === "QUERY_TOO_COSTLY")
        this.#refuse(entry, error);
      else this.#letGo(entry);
      throw error;
    }
    entry.isFilled = true;
    view.rows.builtAt(point.seq);
    this.#pool.noteFilled(view, entry.owner);
    return "whole";
  }

  /** Whether windows should walk on: call `refill`. */
  get isShort(): boolean {
    return this.#windows.isShort;
  }

  /** Walks on for windows that have used most of their reserve, until `isOver`. */
  refill(isOver: () => boolean): void {
    for (const [view, error] of this.#windows.refill(isOver)) this.refuse(view, error);
  }

  /** The view with this id, if it is kept. */
  find(id: string): View | undefined {
    return this.#entries.get(id)?.view;
  }

  idOf(query: WireQuery, policy: WireWhere | undefined): string {
    return viewIdOf(this.#table.channel, query, policy, this.#naming);
  }

  /**
   * How a client's view of this channel, named by its id, differs from the present view.
   */
  differenceOf(former: string, present: string): "view" | "policy" | "declaration" {
    return differenceOf(former, present, this.#table.channel.name, this.#naming);
  }

  release(view: View, nowMs: number): void {
    const entry = this.#entries.get(view.id);
    // The view belongs to an earlier declaration of this channel.
    if (entry?.view !== view || --entry.users > 0) return;
    entry.idleSinceMs = nowMs;
    // An incomplete view is of no use.
    if (!entry.isFilled) this.#letGo(entry);
  }

  /**
   * Releases views without subscribers after the linger time, and forgets refusals that are old
   * enough.
   */
  sweep(nowMs: number, lingerMs = this.#pool.limits.lingerMs): void {
    for (const entry of this.#entries.values())
      if (entry.users === 0 && nowMs - entry.idleSinceMs >= lingerMs) this.#letGo(entry);
    for (const [id, refused] of this.#refused) {
      refused.sinceMs ??= nowMs;
      if (nowMs - refused.sinceMs >= this.#pool.limits.refusedMs) this.#refused.delete(id);
    }
  }

  /** The channel is gone: releases all views at once, used or not, and returns them. */
  end(): readonly View[] {
    const views = [this.#bare, ...Array.from(this.#entries.values(), ({ view }) => view)];
    for (const entry of this.#entries.values()) this.#letGo(entry);
    this.#pool.dirty.delete(this.#bare);
    this.#pool.sets.delete(this);
    return views;
  }

  /** Drops what can be made anew. */
  dropSpare(): void {
    this.#ranges.drop();
  }

  /** Refuses a view although it has subscribers, who get `error`. */
  refuse(view: View, error: TidemarkError): void {
    const entry = this.#entries.get(view.id);
    if (entry?.view === view) this.#refuse(entry, error);
  }

  /** Applies the channel's changes to the views that they can affect, a view per step. */
  *follow(changes: readonly RowChange[], point: CommitPoint): Generator<void, void> {
    const { dirty, limits } = this.#pool;
    dirty.add(this.#bare);
    this.#ranges.follow(changes);
    for (const { budget } of this.#metered) budget.begin();
    for (const change of changes) {
      const found: Routed[] = [];
      this.#router.route(change, (each) => void found.push(each));
      for (const each of found) {
        if (each instanceof FilteredView) this.#change(each, change, point);
        else yield* this.#windows.follow(each, change);
        yield;
      }
      yield;
    }
    for (const [view, error] of yield* this.#windows.settle(point, dirty)) this.refuse(view, error);
    if (this.#metered.size <= 1) return;
    const stepsMax = limits.stepsPerCommitMax + changes.length * limits.stepsPerChangeMax;
    for (const [entry, error] of costliestOver(this.#metered, stepsMax)) this.#refuse(entry, error);
  }

  #change(view: FilteredView, change: RowChange, point: CommitPoint): void {
    // The view may have ended since the change was routed.
    if (this.#entries.get(view.id)?.view !== view) return;
    const entriesBefore = view.entries;
    try {
      if (view.apply(change, point)) this.#pool.dirty.add(view);
      this.#pool.entries += view.entries - entriesBefore;
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.refuse(view, error);
    }
  }

  #refuse(entry: ViewEntry, error: TidemarkError): void {
    const { view } = entry;
    this.#letGo(entry);
    this.#refused.set(view.id, { error, sinceMs: undefined });
    const oldest = this.#refused.keys().next().value;
    if (this.#refused.size > this.#pool.limits.refusedMax && oldest !== undefined)
      this.#refused.delete(oldest);
    // No client knows of a view that is not complete.
    if (entry.isFilled) this.#pool.refused.push({ view, error });
  }

  #letGo(entry: ViewEntry): void {
    const { view, filtered, owner } = entry;
    this.#entries.delete(view.id);
    this.#metered.delete(entry);
    this.#pool.dirty.delete(view);
    this.#pool.count(owner, -1);
    if (view instanceof WindowView) this.#windows.close(view);
    if (filtered === undefined || !(view instanceof FilteredView)) return;
    this.#router.remove(view, filtered.route);
    this.#ranges.close(filtered.route);
    this.#pool.entries -= view.entries;
  }

  #build(
    id: string,
    query: WireQuery,
    policy: WireWhere | undefined,
    point: CommitPoint,
    owner: string | undefined,
  ): ViewEntry {
    this.#pool.checkRoom(owner);
    const budget = new EvaluationBudget(this.#pool.limits);
    const declaration = this.#table.channel;
    const context = this.#context;
    // Compiled also without a limit, so that a column that has no order is refused.
    const order = new IndexOrder(query.order_by ?? [], context);
    const { membership, mayBeSeen } = compileMembership({
      query,
      policy,
      declaration,
      context,
      budget,
    });
    const { tombstonesMax } = this.#pool.limits;
    const options = { id, declaration, query, membership, builtSeq: point.seq, tombstonesMax };
    const entry = { budget, owner, isFilled: false, users: 0, idleSinceMs: 0 };
    checkHistory(query, declaration);
    if (query.limit !== undefined) {
      const view = this.#windows.open({ ...options, order, policy, mayBeSeen, owner });
      return { ...entry, view, filtered: undefined };
    }
    // Under a policy only the policy's terms route: hidden rows are not even looked up, whatever
    // the query is.
    const routing = query.history === true && !declaration.history?.appendOnly ? undefined : query;
    const route = this.#router.usable(routeOf(routing && (policy ?? query.where), context));
    if (!isRouted(route)) this.#checkUnrouted(owner);
    // Under a policy the channel's removes would reveal keys that the caller may not see.
    const base = policy === undefined ? this.#table.rows : undefined;
    const view =
      query.history === true
        ? new FeedView({
            ...options,
            base: undefined,
            mayBeSeen: policy && mayBeSeen,
            hasRowsOutside: () => this.#table.hasRowsOutside,
            outsideRowsMax: this.#pool.limits.outsideRowsMax,
          })
        : new FilteredView({ ...options, base });
    this.#router.add(view, route);
    const unread = this.#ranges.open(route) ?? this.#router.rowsFor(route);
    return { ...entry, view, filtered: { route, unread } };
  }

  /** Makes room for one more view or index that every change visits. */
  #checkUnrouted(owner: string | undefined): void {
    const { name } = this.#table.channel;
    const { unroutedViewsMax, identityShareMax } = this.#pool.limits;
    const count = (): number => this.#router.unroutedCount + this.#windows.unroutedCount;
    if (count() >= unroutedViewsMax) this.#pool.dropIdle();
    const help =
      "Add a term column = value or a range of a column, share queries, or raise unroutedViewsMax.";
    if (count() >= unroutedViewsMax) {
      throw new TidemarkError(
        "TOO_MANY_VIEWS",
        `Channel "${name}" maintains ${unroutedViewsMax} views without an equality or range term, its limit. ${help}`,
      );
    }
    if (owner === undefined) return;
    const ofOwner = (): number => {
      let own = this.#windows.unroutedOf(owner);
      for (const { filtered, owner: of } of this.#entries.values())
        if (filtered !== undefined && !isRouted(filtered.route) && of === owner) own++;
      return own;
    };
    if (ofOwner() >= unroutedViewsMax * identityShareMax) this.#pool.dropIdle();
    const own = ofOwner();
    if (own >= unroutedViewsMax * identityShareMax) {
      throw new TidemarkError(
        "TOO_MANY_VIEWS",
        `Channel "${name}" maintains ${own} views without an equality or range term for this identity, its share. ${help}`,
      );
    }
  }

  #fillOn(
    { view, owner, filtered }: ViewEntry,
    point: CommitPoint,
    isOver: () => boolean,
  ): boolean {
    if (view instanceof WindowView) return this.#windows.fill(view, point, isOver);
    assert(view instanceof FilteredView && filtered !== undefined, "a view is of one kind");
    for (let steps = 1; ; steps++) {
      const { done, value: after } = filtered.unread?.next() ?? NONE_LEFT;
      if (done === true) break;
      if (after !== undefined) {
        const entriesBefore = view.entries;
        view.apply({ key: after.key, before: undefined, after, evicted: false }, point);
        this.#pool.entries += view.entries - entriesBefore;
        this.#pool.checkEntries();
      }
      if (steps % this.#pool.limits.fillStepRows !== 0) continue;
      this.#ranges.count();
      this.#pool.checkEntries();
      this.#pool.checkBytes(view, owner);
      if (isOver()) return false;
    }
    filtered.unread = undefined;
    this.#ranges.count();
    this.#pool.checkBytes(view, owner);
    return true;
  }
}
