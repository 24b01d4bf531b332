/** Clients of the simulation: the real client, checked at each commit. */
import {
  createClient,
  type CarrierName,
  type LiveView,
  type MutationTree,
  type Optimistic,
  type Pacing,
  type TidemarkClient,
} from "../src/client/index.ts";
import { PageWrites } from "../src/client/writes/page-writes.ts";
import { StreamEngine } from "../src/client/stream/stream-engine.ts";
import type { WireQuery } from "../src/protocol/query.ts";
import { toWireQuery, type Query } from "../src/protocol/user-query.ts";
import type { Random } from "../src/std/random.ts";
import { Carriers, type CarrierOptions } from "./carriers.ts";
import type { Oracle } from "./oracle.ts";
import type { ActorClock } from "./scheduler.ts";
import { STOCK, VERSIONED_SOURCE } from "./versioned-source.ts";
import { FaultTracker } from "./fault-tracker.ts";
import { textOf } from "./row-text.ts";
import { randomQuery, type Rights } from "./workload.ts";
import { OPTIMISTIC, User } from "./writers.ts";

/** Views per client, at most: one corrupted frame can be in each of them. */
const VIEWS_MAX = 12;
/**
 * A client may show rows by its former rights for this long, counted to when its newest frame was
 * sent.
 */
const RIGHTS_MS = 1_500;

export class Violation extends Error {
  override readonly name = "Violation";
}

/** Animation frames of a page: at a steady rate, and none while the page is hidden. */
class SimPacing implements Pacing {
  readonly #clock: ActorClock;
  #listener: (isHidden: boolean) => void = () => {};
  #waiting: (() => void) | undefined;
  #isHidden = false;

  constructor(clock: ActorClock) {
    this.#clock = clock;
  }

  next(take: () => void): void {
    this.#waiting = take;
    if (!this.#isHidden) this.#clock.after(16, () => this.#show());
  }

  watchHidden(listener: (isHidden: boolean) => void): () => void {
    this.#listener = listener;
    return () => {};
  }

  setHidden(isHidden: boolean): void {
    this.#isHidden = isHidden;
    this.#listener(isHidden);
    if (!isHidden) this.#show();
  }

  #show(): void {
    const take = this.#isHidden ? undefined : this.#waiting;
    if (take === undefined) return;
    this.#waiting = undefined;
    take();
  }
}

export interface SimClientOptions extends Omit<CarrierOptions, "frameObserver" | "readPace"> {
  readonly name: string;
  readonly oracle: Oracle;
  /** Derived tables of the run. */
  readonly derived: readonly string[];
  readonly rights: Rights;
  readonly now: () => number;
  readonly carriers: readonly CarrierName[];
  readonly onViolation: (error: unknown) => void;
}

export class SimClient {
  readonly name: string;
  readonly clock: ActorClock;
  readonly readPace = { frameMs: 0, isStalled: false };
  readonly network: Carriers;
  readonly client: TidemarkClient;
  readonly pacing: SimPacing | undefined;
  readonly user: User | undefined;
  readonly #options: SimClientOptions;
  readonly #random: Random;
  readonly #faultTracker: FaultTracker;
  readonly #views = new Map<LiveView, () => void>();
  readonly #checked = new Map<LiveView, { readonly snapshot: object; readonly cursor: object }>();
  readonly #wireQueries = new WeakMap<LiveView, WireQuery>();
  checks = 0;

  constructor(options: SimClientOptions) {
    const { name, clock, random, carriers } = options;
    this.#options = options;
    this.name = name;
    this.clock = clock;
    this.#random = random;
    this.#faultTracker = new FaultTracker();
    this.network = new Carriers({
      ...options,
      readPace: this.readPace,
      frameObserver: this.#faultTracker,
    });
    this.pacing = random.next() < 0.5 ? new SimPacing(clock) : undefined;
    // Half of the clients show their writes optimistically.
    const isOptimistic = random.next() < 0.5;
    this.client = createClient({
      url: "ws://nodes/v2/stream",
      auth: { user: name },
      WebSocket: this.network.WebSocket,
      fetch: this.network.fetch,
      clock,
      random,
      carriers,
      upgradeIntervalMs: 5_000,
      pollIntervalMs: 700,
      lingerMs: 500,
      backoff: { firstMs: 300, delaysMs: [300, 600, 1_200, 2_400] },
      limits: { viewRowsMax: 500 },
      ...(isOptimistic && { optimistic: OPTIMISTIC as Optimistic<MutationTree> }),
      engine: () => (parts) => new StreamEngine(parts),
      onWarning: () => {},
      writes: () => (own) => new PageWrites(own),
      ...(this.pacing && { pacing: this.pacing }),
    });
    this.user =
      random.next() < 0.6
        ? new User({
            client: this.client,
            name,
            random,
            trace: options.trace,
            isExcused: () => this.#faultTracker.hasOpenFault,
          })
        : undefined;
    const count = 1 + Math.floor(random.next() * 4);
    for (let index = 0; index < count; index++) this.watch(randomQuery(random, options.derived));
  }

  watch(query: Query): void {
    const view = this.client.live(query as Query & { channel: string });
    this.#views.set(
      view,
      view.subscribe(() => {
        try {
          this.check();
        } catch (error) {
          this.#options.onViolation(error);
        }
      }),
    );
  }

  /** Drops one view and opens another one. */
  change(): void {
    const [first] = this.#views;
    if (first === undefined) return;
    first[1]();
    this.#views.delete(first[0]);
    this.#checked.delete(first[0]);
    this.watch(randomQuery(this.#random, this.#options.derived));
  }

  /** Checks the guarantee for all rows that the page shows now. @throws Violation */
  check(): void {
    this.checks++;
    const { drifts } = this.client.connection.getSnapshot();
    if (drifts > this.#faultTracker.corrupted * VIEWS_MAX)
      throw new Violation(
        `${this.name} found ${drifts} views that did not add up, and ${this.#faultTracker.corrupted} frames were changed on the way`,
      );
    for (const view of this.#views.keys()) this.#checkView(view);
  }

  /** Cuts the connection, and changes the user's rights before the client reconnects. */
  cutOffAndChangeRights(change: () => void): void {
    if (this.network.cutAll()) change();
  }

  /** Whether all views are live, at this seq or a later one, and correct without an excuse. */
  isConverged(epoch: string, seq: number): boolean {
    const { cursor } = this.client;
    if (cursor?.epoch !== epoch || cursor.seq < seq) return false;
    if (
      this.user !== undefined &&
      (this.user.unanswered > 0 || this.user.pending > 0 || this.user.hasStrayMark)
    )
      return false;
    return [...this.#views.keys()].every(
      (view) =>
        view.getSnapshot().status === "live" &&
        this.#wrong(view, cursor, this.#options.now()) === undefined,
    );
  }

  describe(): string {
    const views = [...this.#views.keys()].map(
      (view) =>
        `${JSON.stringify(view.query)} ${view.getSnapshot().status} ${view.getSnapshot().reason ?? ""} @${view.getSnapshot().seq}`,
    );
    return `${this.name}${this.user === undefined ? "" : ` ${this.user.unanswered} writes unanswered`} ${JSON.stringify(this.client.connection.getSnapshot().state)} ${this.client.connection.getSnapshot().carrier} cursor ${JSON.stringify(this.client.cursor)}\n    ${views.join("\n    ")}`;
  }

  close(): void {
    this.client.close();
  }

  #checkView(view: LiveView): void {
    const snapshot = view.getSnapshot();
    const { status, seq, epoch } = snapshot;
    if (status === "loading" || status === "refused" || epoch === undefined || seq < 0) return;
    const isLive = status === "live";
    const cursor = isLive ? this.client.cursor : { epoch, seq };
    const last = this.#checked.get(view);
    if (cursor === undefined || (last?.snapshot === snapshot && last.cursor === cursor)) return;
    this.#checked.set(view, { snapshot, cursor });
    const wrong = this.#wrong(
      view,
      cursor,
      isLive ? this.#faultTracker.newestSentMs - RIGHTS_MS : 0,
    );
    if (wrong !== undefined && !this.#faultTracker.isExcused(cursor, this.pacing !== undefined)) {
      throw new Violation(
        `${this.name} shows of ${JSON.stringify(view.query)} (${status}) at ${cursor.epoch}:${cursor.seq}\n${wrong}`,
      );
    }
    if (isLive) this.#checkFreshness(view, cursor);
  }

  /**
   * Checks that a view that is shown as live was live at its seq, and that its `asOf` is not later
   * than its rows.
   */
  #checkFreshness(
    view: LiveView,
    { epoch, seq }: { readonly epoch: string; readonly seq: number },
  ): void {
    const { oracle } = this.#options;
    const { channel } = view.query;
    const { asOf } = view.getSnapshot();
    const reported = oracle.statusAt(epoch, seq, channel);
    if (
      reported !== "live" &&
      !this.#faultTracker.isStatusLost(channel) &&
      !this.#faultTracker.hasOpenFault
    )
      throw new Violation(
        `${this.name} shows ${channel} as live at ${epoch}:${seq}, where it is ${reported}`,
      );
    const freshest = channel === STOCK ? oracle.asOfAt(epoch, seq, VERSIONED_SOURCE) : undefined;
    // A history that was lost may have been fresher than its successor.
    if (asOf !== undefined && freshest !== undefined && asOf > freshest && epoch === "epoch1")
      throw new Violation(
        `${this.name} shows ${channel} as of ${asOf} at ${epoch}:${seq}, where its source had read up to ${freshest}`,
      );
  }

  /**
   * How the shown rows differ from the expected rows at a seq, by any rights in force after
   * `rightsSinceMs`.
   */
  #wrong(
    view: LiveView,
    { epoch, seq }: { readonly epoch: string; readonly seq: number },
    rightsSinceMs: number,
  ): string | undefined {
    const { oracle, rights } = this.#options;
    const wireQuery = this.#wireQueries.get(view) ?? toWireQuery(view.query);
    this.#wireQueries.set(view, wireQuery);
    const { keys, row } = view.getSnapshot();
    const shown = keys.map((key) => [key, row(key) ?? {}] as const);
    let expected: ShownRows = [];
    for (const allowed of view.query.channel === "orders"
      ? rights.views(this.name, rightsSinceMs)
      : [() => true]) {
      const rows = oracle.rows(epoch, seq, wireQuery, allowed);
      if (rows === undefined) return `  ${epoch}:${seq} does not exist`;
      if (isSame(shown, rows, view.query)) return undefined;
      expected = rows;
    }
    return differences(shown, expected, view.query);
  }
}

type ShownRows = readonly (readonly [string, object])[];

function shownText(row: object, { columns, orderBy }: Query): string {
  if (columns !== undefined) {
    const kept = new Set(["id", ...columns, ...(orderBy ?? []).map(({ column }) => column)]);
    return JSON.stringify(
      Object.fromEntries(Object.entries(row).filter(([name]) => kept.has(name))),
    );
  }
  return textOf(row);
}

function isSame(shown: ShownRows, expected: ShownRows, query: Query): boolean {
  if (shown.length !== expected.length) return false;
  if (query.orderBy !== undefined || query.limit !== undefined) {
    return shown.every(
      ([key, row], index) =>
        expected[index]?.[0] === key &&
        shownText(row, query) === shownText(expected[index][1], query),
    );
  }
  const byKey = new Map(expected);
  return shown.every(([key, row]) => {
    const other = byKey.get(key);
    return other !== undefined && shownText(row, query) === shownText(other, query);
  });
}

function differences(shown: ShownRows, expected: ShownRows, query: Query): string {
  const [left, right] = [new Map(shown), new Map(expected)];
  const show = (row: object | undefined): string =>
    row === undefined ? "nothing" : shownText(row, query);
  const lines = [...new Set([...left.keys(), ...right.keys()])].flatMap((key) => {
    const [a, b] = [show(left.get(key)), show(right.get(key))];
    return a === b ? [] : [`  ${key}: shown ${a}, should be ${b}`];
  });
  if (lines.length > 6)
    lines.splice(6, Number.POSITIVE_INFINITY, `  … and ${lines.length - 6} more`);
  return lines.length > 0
    ? lines.join("\n")
    : `  the same rows in another order: ${[...left.keys()].join(" ")}, should be ${[...right.keys()].join(" ")}`;
}
