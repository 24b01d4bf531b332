/**
 * The views of one channel: shared by equal question and policy, built when first wanted, fed
 * by every change, kept for a while after the last subscriber left.
 */
import { TidemarkError } from "../std/errors.ts";
import { compileOrder } from "../protocol/order.ts";
import type { Query, Where } from "../protocol/query.ts";
import { compileWhere, type Predicate, type WhereContext } from "../protocol/where.ts";
import { whereContextOf } from "./channel.ts";
import type { ViewLimits } from "./limits.ts";
import type { LiveTable, Moment, RowChange } from "./live-table.ts";
import { ChannelView } from "./channel-view.ts";
import { FilteredView } from "./filtered-view.ts";
import { Membership } from "./membership.ts";
import { compileProjection } from "./projection.ts";
import { routeOf, ViewRouter, type Route } from "./router.ts";
import { differenceOf, viewIdOf, type ViewNaming } from "./view-id.ts";
import { WindowView } from "./window-view.ts";
import type { View } from "./view.ts";

/** What all channels share: counts against the limits, and what changed since the last cut. */
export interface ViewPool {
  readonly limits: ViewLimits;
  readonly dirty: Set<View>;
  views: number;
  entries: number;
  /** Lets go of every view that nobody uses, without waiting for its linger time. */
  dropIdle(): void;
}

interface Held {
  readonly view: View;
  readonly route: Route | undefined;
  users: number;
  idleSinceMs: number;
}

export class ViewSet {
  readonly #table: LiveTable;
  readonly #pool: ViewPool;
  readonly #naming: ViewNaming;
  readonly #context: WhereContext;
  readonly #router: ViewRouter;
  readonly #bare: ChannelView;
  readonly #held = new Map<string, Held>();

  constructor(table: LiveTable, pool: ViewPool, naming: ViewNaming) {
    this.#naming = naming;
    this.#table = table;
    this.#pool = pool;
    this.#context = whereContextOf(table.channel);
    this.#router = new ViewRouter(this.#context);
    this.#bare = new ChannelView(viewIdOf(table.channel, { channel: table.channel.name }, undefined, naming), table.channel, table.rows);
  }

  /** Views besides the bare channel. */
  get size(): number {
    return this.#held.size;
  }

  /**
   * The view for a query under a policy, built at `moment` if there is none yet.
   * Each call must be matched by a `release`.
   * @throws TidemarkError `BAD_QUERY`, `BAD_REGEX`, `TOO_MANY_VIEWS`, `VIEW_TOO_LARGE`
   */
  acquire(query: Query, policy: Where | undefined, moment: Moment): View {
    const id = this.idOf(query, policy);
    if (id === this.#bare.id) return this.#bare;
    let held = this.#held.get(id);
    if (held === undefined) {
      held = this.#build(id, query, policy, moment);
      this.#held.set(id, held);
      this.#pool.views++;
      this.#pool.entries += held.view.entries;
    }
    held.users++;
    return held.view;
  }

  idOf(query: Query, policy: Where | undefined): string {
    return viewIdOf(this.#table.channel, query, policy, this.#naming);
  }

  /** In what a view of this channel that a client knows by its id differs from the one that answers now. */
  differenceOf(former: string, present: string): "view" | "policy" | "declaration" {
    return differenceOf(former, present, this.#table.channel.name, this.#naming);
  }

  release(view: View, nowMs: number): void {
    const held = this.#held.get(view.id);
    // One of a channel of this name that was declared otherwise before is none of ours.
    if (held?.view === view && --held.users === 0) held.idleSinceMs = nowMs;
  }

  /** Lets go of views that nobody has used for the linger time. */
  sweep(nowMs: number, lingerMs = this.#pool.limits.lingerMs): void {
    for (const [id, { view, route, users, idleSinceMs }] of this.#held) {
      if (users > 0 || nowMs - idleSinceMs < lingerMs) continue;
      this.#held.delete(id);
      this.#router.remove(view, route);
      this.#pool.dirty.delete(view);
      this.#pool.views--;
      this.#pool.entries -= view.entries;
    }
  }

  /** The channel is gone: lets go of all views at once, used or not, and returns them. */
  end(): readonly View[] {
    const views = [this.#bare, ...Array.from(this.#held.values(), ({ view }) => view)];
    for (const view of views) {
      this.#pool.dirty.delete(view);
      this.#pool.entries -= view.entries;
    }
    this.#pool.views -= this.#held.size;
    this.#held.clear();
    return views;
  }

  /** Hands the channel's changes on to the views that they can matter to. */
  apply(changes: readonly RowChange[], moment: Moment): void {
    if (changes.length === 0) return;
    this.#pool.dirty.add(this.#bare);
    for (const change of changes) {
      this.#router.route(change, (view) => {
        const entriesBefore = view.entries;
        if (view.apply(change, moment)) this.#pool.dirty.add(view);
        this.#pool.entries += view.entries - entriesBefore;
      });
    }
  }

  #build(id: string, query: Query, policy: Where | undefined, moment: Moment): Held {
    const { limits } = this.#pool;
    if (this.#pool.views >= limits.viewsMax) this.#pool.dropIdle();
    if (this.#pool.views >= limits.viewsMax) {
      throw new TidemarkError("TOO_MANY_VIEWS", `The server maintains ${limits.viewsMax} different views, its limit. Share queries between clients, or raise viewsMax.`);
    }
    // By the policy where it has an equality: what is hidden is then not even looked up.
    const route = this.#router.usable(routeOf(policy, this.#context) ?? routeOf(query.where, this.#context));
    if (route === undefined && this.#router.unroutedCount >= limits.unroutedViewsMax) this.#pool.dropIdle();
    if (route === undefined && this.#router.unroutedCount >= limits.unroutedViewsMax) {
      throw new TidemarkError(
        "TOO_MANY_VIEWS",
        `Channel "${query.channel}" maintains ${limits.unroutedViewsMax} views without an equality term, its limit. Add a column = value term, share queries, or raise unroutedViewsMax.`,
      );
    }
    const view = this.#create(id, query, policy, moment);
    this.#fill(view, route, moment);
    this.#router.add(view, route);
    return { view, route, users: 0, idleSinceMs: 0 };
  }

  #create(id: string, query: Query, policy: Where | undefined, moment: Moment): View {
    const all: Predicate = () => true;
    const mayBeSeen = policy === undefined ? all : compileWhere(policy, this.#context);
    const isWanted = query.where === undefined ? all : compileWhere(query.where, this.#context);
    // What the client asks is not asked of a row that it may not see, also where that is unknown: its time would tell.
    const matches: Predicate = policy === undefined ? isWanted : (row) => mayBeSeen(row) && isWanted(row);
    const order = compileOrder(query.order_by ?? [], this.#context);
    const declaration = this.#table.channel;
    const membership = new Membership(matches, compileProjection(declaration, query));
    const options = { id, declaration, query, membership, builtSeq: moment.seq, tombstonesMax: this.#pool.limits.tombstonesMax };
    if (query.limit !== undefined) return new WindowView({ ...options, limit: query.limit, order });
    // Under a policy the channel's removes would tell keys that may not be seen.
    return new FilteredView({ ...options, base: policy === undefined ? this.#table.rows : undefined });
  }

  #fill(view: View, route: Route | undefined, moment: Moment): void {
    const { rows } = this.#table;
    // Views that nobody uses make room for one that somebody does.
    if (this.#pool.entries + rows.size > this.#pool.limits.entriesMax) this.#pool.dropIdle();
    const room = this.#pool.limits.entriesMax - this.#pool.entries;
    const add = (key: string): void => {
      view.apply({ key, before: undefined, after: rows.get(key), evicted: false }, moment);
      if (view.entries > room) {
        throw new TidemarkError("VIEW_TOO_LARGE", `All views together may hold ${this.#pool.limits.entriesMax} rows and this one does not fit. Narrow its where, or raise entriesMax.`);
      }
    };
    if (route !== undefined) for (const key of this.#router.keysFor(route, rows.values())) add(key);
    else for (const { key } of rows.values()) add(key);
  }
}
