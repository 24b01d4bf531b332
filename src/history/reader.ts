/**
 * Answers queries of the past: as of one seq, page by page. What the store does not hold yet is
 * taken from the rows that wait for it, and laid over the store's rows by key, so an answer is
 * exact up to the newest commit.
 */
import { turn, type Cancel, type Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import { compileOrder, withDefaults, type RankOrder } from "../protocol/order.ts";
import type { WireQuery, WireWhere } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import { compileWhere, type Predicate } from "../protocol/where.ts";
import { whereContextOf } from "../table/channel.ts";
import { EvaluationBudget } from "../table/evaluation-budget.ts";
import { VIEW_LIMITS } from "../table/limits.ts";
import { compileProjection } from "../table/projection.ts";
import type {
  HistoryEntry,
  HistoryStore,
  PagePlace,
  PageQuery,
  StoredPage,
  StoredRow,
} from "./history.ts";
import type { HistoryLimits } from "./limits.ts";
import { Overlay, type Ranked } from "./overlay.ts";

export interface HistoryRequest {
  /** Its `limit` is the number of rows of the page. Without one: `pageRowsMax`. */
  readonly query: WireQuery;
  /** The rows that the caller may see; undefined for all. */
  readonly policy: WireWhere | undefined;
  /** Default: the newest commit. */
  readonly asOf?: Moment | undefined;
  /** Only rows that last changed before this seq. */
  readonly beforeSeq?: number | undefined;
  /** The page continues behind this place. */
  readonly after?: PagePlace | undefined;
}

/** A seq, or the last commit at or before a time in Unix milliseconds. */
export type Moment = { readonly seq: number } | { readonly timeMs: number };

export interface HistoryPage {
  readonly channel: ChannelDeclaration;
  /** The rows are as of this seq. */
  readonly completeThrough: number;
  /**
   * Where a time was asked for: the Unix milliseconds that the rows are as of. Earlier than asked
   * for where the tables do not hold everything until then.
   */
  readonly asOfMs: number | undefined;
  /**
   * Of rows that last changed before this seq, retention may have forgotten some; 0 for none. Where
   * it is higher than on the page before, it has meanwhile.
   */
  readonly completeFrom: number;
  /** In the query's order, as they are sent. */
  readonly rows: readonly StoredRow[];
  /** Where the next page begins; undefined after the last page. */
  readonly next: PagePlace | undefined;
}

/** The live side of a server, where history meets it. */
export interface LiveEdge {
  readonly seq: number;
  readonly timeMs: number;
  /** The newest commit of the log, which the tables may not have reached. */
  readonly head: number;
  /** Undefined for a channel that is not declared. */
  channel(name: string): ChannelDeclaration | undefined;
  /**
   * The channel's entries that the store does not hold when the first are asked for, in order, some
   * at a time.
   */
  pendingOf(channel: string): AsyncIterable<readonly HistoryEntry[]>;
  /** Resolves when the store holds everything up to `seq`, with false when it fails to write. */
  isStored(seq: number, signal: AbortSignal): Promise<boolean>;
}

const SLICE_MS = 5;
const ROWS_BETWEEN_CHECKS = 32;

export class HistoryReader {
  readonly #store: HistoryStore;
  readonly #edge: LiveEdge;
  readonly #limits: HistoryLimits;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: {
    readonly store: HistoryStore;
    readonly edge: LiveEdge;
    readonly limits: HistoryLimits;
    readonly clock: Clock;
  }) {
    this.#store = options.store;
    this.#edge = options.edge;
    this.#limits = options.limits;
    this.#clock = options.clock;
  }

  /**
   * One page. @throws TidemarkError `NO_HISTORY`, `BAD_QUERY`, `BAD_REGEX`, `QUERY_TOO_COSTLY`,
   * `HISTORY_TRIMMED`, `HISTORY_UNAVAILABLE`, `NOT_READY` when too many queries wait
   */
  async page(request: HistoryRequest): Promise<HistoryPage> {
    const { query } = request;
    const channel = this.#edge.channel(query.channel);
    if (channel?.history === undefined)
      throw new TidemarkError("NO_HISTORY", `Channel "${query.channel}" keeps no history.`);
    const limit = query.limit ?? this.#limits.pageRowsMax;
    if (limit > this.#limits.pageRowsMax)
      throw new TidemarkError(
        "BAD_QUERY",
        `Bad query: a page has at most ${this.#limits.pageRowsMax} rows; ${limit} were asked for.`,
      );
    const plan = planOf(channel, request);
    return this.#admitted(async (signal) => {
      const asOfMs = this.#momentOf(request.asOf);
      const asOf = await this.#seqOf(request.asOf, channel.name, signal);
      const filling = { channel, request, plan, asOf, limit, signal };
      const { rows, fromSeq } = await this.#rows(filling, await this.#overlay(filling));
      const last = rows[limit - 1];
      const { project } = plan;
      return {
        channel,
        completeThrough: asOf,
        asOfMs,
        completeFrom: fromSeq,
        rows: rows
          .slice(0, limit)
          .map(({ row, ...stored }) =>
            project === undefined ? stored : { ...stored, json: project(row) },
          ),
        next: rows.length > limit && last !== undefined ? placeOf(last, query) : undefined,
      };
    });
  }

  /**
   * At least one row more than the page, where there is one. Rows behind those that were read from
   * the store may be missing behind that one.
   */
  async #rows(
    { channel, request, plan, asOf, limit, signal }: Fill,
    overlay: Overlay,
  ): Promise<{ readonly rows: readonly Ranked[]; readonly fromSeq: number }> {
    const fresh = [...overlay.rows.values()].filter((row) => row !== undefined);
    const stored: Ranked[] = [];
    let place = request.after;
    let isLast = overlay.reloadSeq !== undefined;
    let fromSeq = 0;
    while (!isLast && stored.length <= limit) {
      const base: PageQuery = {
        channel,
        where: plan.where,
        orderBy: plan.orderBy,
        limit: limit + 1,
        asOf,
        ...(place !== undefined && { after: place }),
        ...(request.beforeSeq !== undefined && { beforeSeq: request.beforeSeq }),
      };
      const found = await this.#page(base, signal);
      ({ fromSeq, isLast } = found);
      for (const each of found.rows) {
        const ranked: Ranked = { ...each, row: JSON.parse(each.json) as Row };
        if (!overlay.rows.has(each.key)) stored.push(ranked);
        place = ranked;
      }
    }
    return { rows: [...stored, ...fresh].sort(plan.order), fromSeq };
  }

  /** The store may be told only now of a channel that was declared a moment ago. */
  async #page(query: PageQuery, signal: AbortSignal): Promise<StoredPage> {
    try {
      return await this.#store.page(query, signal);
    } catch (error) {
      const isUnknown = error instanceof TidemarkError && error.code === "NO_HISTORY";
      if (!isUnknown || !(await this.#edge.isStored(this.#edge.seq, signal))) throw error;
      return this.#store.page(query, signal);
    }
  }

  /** Rows that a reload leaves as they are keep their seqs, which the store knows. */
  async #overlay(fill: Fill): Promise<Overlay> {
    const overlay = await this.#pendingRows(fill);
    const { reloadSeq } = overlay;
    if (reloadSeq === undefined) return overlay;
    if (!(await this.#edge.isStored(reloadSeq, fill.signal))) return overlay;
    return this.#pendingRows(fill);
  }

  /** @throws TidemarkError `NOT_READY` when the store is too far behind */
  async #pendingRows({ channel, request, plan, asOf, signal }: Fill): Promise<Overlay> {
    const overlay = new Overlay(inPageOf(request, plan));
    for await (const entry of this.#pendingOf(channel.name, signal)) {
      if (entry.seq > asOf) break;
      overlay.add(entry);
    }
    return overlay;
  }

  /** In slices, so that the event loop stays free. */
  async *#pendingOf(channel: string, signal: AbortSignal): AsyncGenerator<HistoryEntry> {
    let sliceMs = this.#clock.monotonic();
    let count = 0;
    for await (const entries of this.#edge.pendingOf(channel)) {
      for (const entry of entries) {
        yield entry;
        if (++count % ROWS_BETWEEN_CHECKS > 0) continue;
        if (this.#clock.monotonic() - sliceMs < SLICE_MS) continue;
        await turn(this.#clock);
        signal.throwIfAborted();
        sliceMs = this.#clock.monotonic();
      }
    }
  }

  /** A time up to which the tables hold everything; what is to come is not in them. */
  #momentOf(moment: Moment | undefined): number | undefined {
    if (moment === undefined || "seq" in moment) return undefined;
    const { head, seq, timeMs } = this.#edge;
    return Math.min(moment.timeMs, seq < head ? timeMs : Math.max(timeMs, this.#clock.now()));
  }

  async #seqOf(moment: Moment | undefined, channel: string, signal: AbortSignal): Promise<number> {
    const { seq, timeMs } = this.#edge;
    if (moment === undefined) return seq;
    if ("seq" in moment) {
      if (moment.seq <= seq) return moment.seq;
      throw new TidemarkError(
        "BAD_QUERY",
        `Bad query: as_of is ${moment.seq}, and the newest commit is ${seq}.`,
      );
    }
    if (moment.timeMs >= timeMs) return seq;
    let found: number | undefined;
    for await (const entry of this.#pendingOf(channel, signal)) {
      if (entry.timeMs > moment.timeMs) break;
      found = entry.seq;
    }
    return found ?? (await this.#store.seqAt(moment.timeMs));
  }

  /** Runs at most `queriesMax` at the same time, each for at most `queryMsMax`. */
  async #admitted<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { queriesMax, queriesWaitingMax, queryMsMax } = this.#limits;
    if (this.#running >= queriesMax) {
      if (this.#waiting.length >= queriesWaitingMax)
        throw new TidemarkError("NOT_READY", "Too many queries of history wait. Try again.");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
    const timeout = new AbortController();
    let cancel: Cancel = () => {};
    try {
      return await new Promise<T>((resolve, reject) => {
        cancel = this.#clock.after(queryMsMax, () => {
          reject(
            new TidemarkError(
              "QUERY_TOO_COSTLY",
              `The query took longer than the ${queryMsMax} ms of queryMsMax. Use a narrower where.`,
            ),
          );
          timeout.abort();
        });
        run(timeout.signal).then(resolve, reject);
      });
    } finally {
      cancel();
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

interface Plan {
  readonly where: WireWhere | undefined;
  readonly orderBy: PageQuery["orderBy"];
  readonly matches: Predicate;
  readonly order: RankOrder;
  readonly project: ((row: Row) => string) | undefined;
}

interface Fill {
  readonly channel: ChannelDeclaration;
  readonly request: HistoryRequest;
  readonly plan: Plan;
  readonly asOf: number;
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** @throws TidemarkError `BAD_QUERY`, `BAD_REGEX`, `QUERY_TOO_COSTLY` */
function planOf(channel: ChannelDeclaration, { query, policy }: HistoryRequest): Plan {
  const context = whereContextOf(channel);
  const meter = new EvaluationBudget(VIEW_LIMITS);
  // Checks the query's own terms first, so that a message never speaks of the policy.
  const isWanted =
    query.where === undefined ? undefined : compileWhere(query.where, { ...context, meter });
  const mayBeSeen = policy === undefined ? undefined : compileWhere(policy, context);
  const parts = [policy, query.where].filter((part) => part !== undefined);
  return {
    where: parts.length > 1 ? { and: parts } : parts[0],
    orderBy: (query.order_by ?? []).map(withDefaults),
    matches: (row) => {
      if (mayBeSeen?.(row) === false) return false;
      meter.look();
      return isWanted?.(row) !== false;
    },
    order: compileOrder(query.order_by ?? [], context),
    project: compileProjection(channel, query),
  };
}

function inPageOf({ after, beforeSeq }: HistoryRequest, plan: Plan): (row: Ranked) => boolean {
  return ({ row, seq, key }) =>
    seq < (beforeSeq ?? Number.POSITIVE_INFINITY) &&
    plan.matches(row) &&
    (after === undefined || plan.order({ key, row }, after) > 0);
}

function placeOf({ key, row }: Ranked, { order_by = [] }: WireQuery): PagePlace {
  const columns = order_by.map(({ column }) => [column, row[column] ?? null] as const);
  return { key, row: Object.fromEntries(columns) };
}
