/**
 * A live query that goes on into history: its first page is loaded from the store, the stream keeps
 * it exact from that page's seq on, and further pages are loaded behind it. Paused, or as of a
 * moment of the past, it stands still as of one seq, and further pages are as of that seq too.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { compileOrder, withDefaults } from "../../protocol/order.ts";
import type { WireQuery } from "../../protocol/query.ts";
import type { TimedQuery } from "../../protocol/user-query.ts";
import type { Row } from "../../protocol/row.ts";
import type { ToEngine, ViewError, ViewNews, ViewShape, ViewState } from "../port.ts";
import type { HistoryAnswer, HistoryOptions } from "./fetch-history.ts";
import { HistoryList } from "./history-list.ts";
import type { ViewCore } from "./live-view.ts";
import type { ViewHistory } from "./view-history.ts";

export interface HistoryViewOptions {
  readonly core: ViewCore;
  /** With `limit` as the size of a page. */
  readonly query: WireQuery;
  /** It never follows the stream, and shows the rows of this moment. */
  readonly asOf: TimedQuery["asOf"];
  readonly clock: Clock;
  readonly rowsMax: number;
  readonly fetch: (query: WireQuery, options: HistoryOptions) => Promise<HistoryAnswer>;
  readonly post: (message: ToEngine) => void;
  /** Closes the feed. What it still says is not heard; the next one has another id. */
  readonly close: () => void;
}

const PAGE_ROWS = 200;
const RETRY_MS = 1_000;
const LOADING = { status: "loading", reason: "loading the newest rows" } as const;

/** A page that the stream has not reached yet. */
interface Ahead {
  readonly answer: HistoryAnswer;
}

export class HistoryView {
  readonly #options: HistoryViewOptions;
  readonly #query: WireQuery;
  #list: HistoryList | undefined;
  #ahead: Ahead | undefined;
  #epoch: string | undefined;
  #pausedAt: number | undefined;
  #completeFrom = 0;
  #isLoading = false;
  #error: ViewError | undefined;
  #retry: Cancel | undefined;
  /** Answers to requests of an earlier beginning are of no use. */
  #round = 0;
  #shown: ViewHistory | undefined;

  constructor(options: HistoryViewOptions) {
    this.#options = options;
    this.#query = { ...options.query, limit: options.query.limit ?? PAGE_ROWS };
  }

  get state(): ViewHistory {
    const { core, rowsMax } = this.#options;
    return (this.#shown ??= {
      hasMore: this.#list?.boundary !== undefined,
      isLoading: this.#isLoading,
      isFull: core.keys.length >= rowsMax,
      completeFrom: this.#completeFrom,
      pausedAt: this.#pausedAt,
      error: this.#error,
      loadMore: () => void this.#loadMore(),
      pause: () => this.#pause(),
      resume: () => this.#resume(),
    });
  }

  /** The rows are those of one seq, whatever the stream says. */
  get isStill(): boolean {
    return this.#options.asOf !== undefined || this.#pausedAt !== undefined;
  }

  /** Loads the first page, and then follows the stream, unless the view stands still. */
  begin(): void {
    void this.#begin(++this.#round);
  }

  stop(): void {
    this.#round++;
    this.#retry?.();
  }

  /** What the stream says, as far as it concerns the loaded rows. */
  take(news: ViewNews): ViewNews {
    if (news.isForgotten === true || news.isLost === true) {
      this.#restart();
      const rows = { upserts: [], removes: this.#options.core.keys };
      const { state } = news;
      return { ...news, rows, state: state.error === undefined ? { ...state, ...LOADING } : state };
    }
    const rows = news.rows && this.#list?.follow(news.rows);
    const { rows: _rows, ...others } = news;
    return rows === undefined ? others : { ...others, rows };
  }

  /** After a commit is applied: a page that waited for it, and rows over the bound. */
  settle(): void {
    if (this.#ahead !== undefined && this.#hasReached(this.#ahead.answer))
      this.#add(this.#ahead.answer);
    this.#trim();
  }

  async #begin(round: number): Promise<void> {
    const { core, fetch, post } = this.#options;
    const asOf = this.#pausedAt ?? this.#options.asOf;
    this.#set({ isLoading: true });
    try {
      const answer = await fetch(this.#query, asOf === undefined ? { feed: true } : { asOf });
      if (round !== this.#round) return;
      this.#show(answer);
      if (asOf !== undefined) return;
      const { epoch, seq, feed = "" } = answer;
      const { limit: _limit, ...query } = this.#query;
      const after = { epoch, view: feed, seq };
      post({ kind: "open", id: core.id, query: { ...query, history: true }, after });
    } catch (error) {
      if (round === this.#round) this.#failed(error, () => this.#begin(round));
    }
  }

  /** The list begins with this page. It is live once the feed has said so. */
  #show(answer: HistoryAnswer): void {
    const { core } = this.#options;
    const { epoch, seq } = answer;
    this.#epoch = epoch;
    this.#completeFrom = answer.completeFrom;
    const shape = shapeOf(this.#query, answer);
    const order = compileOrder(shape.order_by, contextOf(answer));
    this.#list = new HistoryList(answer.key, order, pageOf(answer));
    const kept = new Set(answer.keys);
    const removes = core.keys.filter((key) => !kept.has(key));
    const { isStill } = this;
    const isFirst = core.state.status === "loading" && !isStill;
    core.apply({
      id: core.id,
      shape,
      rows: { upserts: answer.rows, removes },
      state: {
        ...core.state,
        status: isFirst ? "loading" : "catching_up",
        reason: undefined,
        error: undefined,
        epoch,
        seq,
        // No write waits for rows that stand still.
        isBehind: !isStill,
        ...this.#momentOfPast(answer),
      },
    });
    if (this.#options.asOf !== undefined) this.#pausedAt = seq;
    this.#set({ isLoading: false, error: undefined });
  }

  #momentOfPast({ asOfMs }: HistoryAnswer): Partial<ViewState> {
    if (this.#options.asOf === undefined) return {};
    return {
      status: "stale",
      reason: "as of a moment of the past",
      ...(asOfMs !== undefined && { asOf: asOfMs }),
    };
  }

  async #loadMore(): Promise<void> {
    const { core, fetch, post, rowsMax } = this.#options;
    const after = this.#list?.boundary;
    const isFull = core.keys.length >= rowsMax;
    if (this.#list === undefined || after === undefined || this.#isLoading || isFull) return;
    const round = this.#round;
    this.#set({ isLoading: true });
    this.#list.beginPage();
    try {
      const asOf = this.#pausedAt;
      const place = { key: after.key, row: this.#placeIn(after.row) };
      const answer = await fetch(this.#query, {
        after: place,
        ...(asOf !== undefined && { asOf }),
      });
      if (round !== this.#round) return;
      if (this.#pausedAt !== undefined || this.#hasReached(answer)) this.#add(answer);
      else {
        this.#ahead = { answer };
        post({ kind: "await", id: core.id, seq: answer.seq });
      }
    } catch (error) {
      if (round !== this.#round) return;
      this.#list.dropPage();
      this.#set({ isLoading: false, error: failureOf(error) });
    }
  }

  #placeIn(row: Row): Row {
    const columns = (this.#query.order_by ?? []).map(({ column }) => column);
    return Object.fromEntries(columns.map((column) => [column, row[column] ?? null]));
  }

  #hasReached({ epoch, seq }: HistoryAnswer): boolean {
    const { state } = this.#options.core;
    return epoch === this.#epoch && state.seq >= seq;
  }

  #add(answer: HistoryAnswer): void {
    const { core } = this.#options;
    this.#ahead = undefined;
    // The newest page knows best what retention has forgotten.
    this.#completeFrom = Math.max(this.#completeFrom, answer.completeFrom);
    const rows = this.#list?.addPage(pageOf(answer));
    core.apply({ id: core.id, ...(rows && { rows }), state: core.state });
    this.#set({ isLoading: false, error: undefined });
  }

  #trim(): void {
    const { core, rowsMax } = this.#options;
    const { keys } = core;
    if (keys.length <= rowsMax) return;
    const last = keys[rowsMax - 1] as string;
    const row = core.baseRow(last);
    if (row === undefined) return;
    this.#list?.cutAt(last, row);
    core.apply({
      id: core.id,
      rows: { upserts: [], removes: keys.slice(rowsMax) },
      state: core.state,
    });
    this.#set({});
  }

  #pause(): void {
    const { core } = this.#options;
    if (this.#pausedAt !== undefined || this.#list === undefined) return;
    this.stop();
    this.#endFeed();
    this.#set({ pausedAt: core.state.seq, isLoading: false });
  }

  #resume(): void {
    if (this.#pausedAt === undefined || this.#options.asOf !== undefined) return;
    const { core } = this.#options;
    core.apply({ id: core.id, state: { ...core.state, ...LOADING, status: "catching_up" } });
    this.#set({ pausedAt: undefined });
    this.begin();
  }

  /** A paused view comes back as of its seq: its rows may be others, after rights have changed. */
  #restart(): void {
    this.#endFeed();
    this.#list = undefined;
    this.begin();
  }

  #endFeed(): void {
    this.#ahead = undefined;
    this.#list?.dropPage();
    this.#options.close();
  }

  #failed(error: unknown, again: () => Promise<void>): void {
    const { clock, core } = this.#options;
    const failure = failureOf(error);
    const isRefused = error instanceof TidemarkError && !error.retryable;
    const state: ViewState = isRefused
      ? { ...core.state, status: "refused", reason: failure.message, error: failure }
      : { ...core.state, reason: failure.message };
    core.apply({ id: core.id, state });
    this.#set({ isLoading: !isRefused, error: failure });
    if (!isRefused) this.#retry = clock.after(RETRY_MS, () => void again());
  }

  #set(change: {
    isLoading?: boolean;
    error?: ViewError | undefined;
    pausedAt?: number | undefined;
  }) {
    if ("isLoading" in change) this.#isLoading = change.isLoading ?? false;
    if ("error" in change) this.#error = change.error;
    if ("pausedAt" in change) this.#pausedAt = change.pausedAt;
    this.#shown = undefined;
    const { core } = this.#options;
    core.setHistory(this.state);
    core.notify();
  }
}

function pageOf({ rows, next }: HistoryAnswer): { rows: HistoryAnswer["rows"]; hasMore: boolean } {
  return { rows, hasMore: next !== undefined };
}

function contextOf({ columns }: HistoryAnswer) {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  return { typeOf: (name: string) => types.get(name) ?? ("any" as const), columnNames: [] };
}

/** Without an order the rows are in the order of their keys, as pages of history are. */
function shapeOf({ order_by = [] }: WireQuery, { columns, key }: HistoryAnswer): ViewShape {
  return { key, columns, order_by: order_by.map(withDefaults), isLimited: true };
}

function failureOf(error: unknown): ViewError {
  return {
    code: error instanceof TidemarkError ? error.code : "INTERNAL",
    message: messageOf(error),
  };
}
