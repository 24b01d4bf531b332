/**
 * One query as the engine follows it: its rows, its cursor, and its changes that the page does not
 * have yet.
 */
import type { ChannelStatus } from "../../protocol/messages/channel-status.ts";
import type { Cursor, SubscriptionRequest } from "../../protocol/messages/subscribe.ts";
import type { Subscribed } from "../../protocol/messages/subscribed.ts";
import type { WireQuery } from "../../protocol/query.ts";
import type { ConnectionState } from "../connection-state.ts";
import type { ViewError, ViewNews, ViewShape, ViewState, ViewStatus } from "../port.ts";
import { StagedRows, type CommitResult } from "./staged-rows.ts";
import { AS_OF_STEP_MS } from "../limits.ts";

/** The part of the connection's state that a view needs. */
export interface Reachability {
  readonly isOpen: boolean;
  readonly reason: string | undefined;
}

export class EngineView {
  readonly id: string;
  readonly query: WireQuery;
  readonly rows: StagedRows;
  /** Characters of the view's frames, and how often the view was requested again. */
  bytes = 0;
  resyncs = 0;
  /** The server's id of the view, once known. */
  viewId: string | undefined;
  /** Set when the view was larger than the client's bound and is now requested with this limit. */
  narrowedTo: number | undefined;
  /** The view has changes that the page does not have yet. */
  hasNews = true;
  /**
   * The history and view that the rows belong to: where a cursor is valid. Set when rows are, not
   * before.
   */
  #origin: { readonly epoch: string; readonly view: string } | undefined;
  /** The history and view of the present subscription. */
  #nextOrigin: { readonly epoch: string; readonly view: string } | undefined;
  #shape: ViewShape | undefined;
  #isBehind = true;
  #error: ViewError | undefined;
  #channel: ChannelStatus | undefined;
  #stagedChannel: ChannelStatus | undefined;
  #asOf: number | undefined;
  /** How fresh the rows of the last history were: the next one is live only once it is as fresh. */
  #catchUpTo: number | undefined;
  #seq = -1;
  /** The page is told of this seq, also when nothing else has changed. */
  #awaitedSeq = Infinity;
  #isForgotten = false;
  #reachability: Reachability = { isOpen: false, reason: "not connected yet" };

  /** `after`: where the rows that the page has loaded from history end. */
  constructor(id: string, query: WireQuery, after?: Cursor) {
    this.id = id;
    this.query = query;
    this.rows = new StagedRows(after?.seq);
    if (after === undefined) return;
    this.#origin = { epoch: after.epoch, view: after.view };
    this.#seq = after.seq;
  }

  get seq(): number {
    return this.#seq;
  }

  get status(): ViewStatus {
    return this.#status().status;
  }

  /** The query that is sent to the server. */
  get request(): SubscriptionRequest {
    const limit = this.narrowedTo;
    const query =
      limit === undefined
        ? this.query
        : { ...this.query, limit: Math.min(limit, this.query.limit ?? limit) };
    const { cursor } = this;
    if (cursor !== undefined) return { ...query, cursor };
    return Object.keys(query).length === 1 ? query.channel : query;
  }

  /** The cursor to continue from; undefined for a snapshot. */
  get cursor(): Cursor | undefined {
    return this.#origin === undefined || !this.rows.isLoaded
      ? undefined
      : { ...this.#origin, seq: this.rows.seq };
  }

  /** The page is told when the view has reached `seq`, or has reached it already. */
  awaitSeq(seq: number): void {
    if (this.#seq >= seq) this.hasNews = true;
    else this.#awaitedSeq = seq;
  }

  /** Takes the changes that the page does not have yet. */
  takeNews(): ViewNews {
    const shape = this.#shape;
    this.#shape = undefined;
    this.hasNews = false;
    const rows = this.rows.pending > 0 ? this.rows.take() : undefined;
    const forgotten = this.#isForgotten ? { isForgotten: true as const } : {};
    const lost = this.rows.isLost ? { isLost: true as const } : {};
    this.#isForgotten = false;
    return {
      id: this.id,
      ...(shape && { shape }),
      ...(rows && { rows }),
      ...forgotten,
      ...lost,
      state: this.#state(),
    };
  }

  /** The server has answered the subscription. */
  subscribed({ columns, key, order_by, epoch, view, mode }: Subscribed): void {
    const { limit, history } = this.query;
    this.viewId = view;
    this.#nextOrigin = { epoch, view };
    this.#shape = {
      key,
      columns,
      order_by,
      isLimited: limit !== undefined || history === true || this.narrowedTo !== undefined,
    };
    this.#error = undefined;
    this.#isBehind = true;
    this.hasNews = true;
    this.rows.begin(key, mode);
  }

  /** The server may get the channel later, so the view is requested again. */
  get isWithoutChannel(): boolean {
    return this.#error?.code === "UNKNOWN_CHANNEL";
  }

  /** The server refuses the query: the page must remove the view's rows. */
  failed(error: ViewError): void {
    if (this.isWithoutChannel && error.code === this.#error?.code) return;
    this.#error = error;
    this.forget();
  }

  /** The rows can't be trusted, or may not be shown: the next request starts from nothing. */
  distrust(): void {
    this.fellBehind();
    this.#origin = undefined;
    this.#seq = -1;
  }

  forget(): void {
    this.#origin = undefined;
    this.#isForgotten = true;
    this.rows.clear();
    this.hasNews = true;
  }

  setReachability(reachability: Reachability): void {
    this.#reachability = reachability;
    if (!reachability.isOpen) this.#isBehind = true;
    this.hasNews = true;
  }

  /** The status counts from the end of its turn on, like the rows that it describes. */
  setChannelStatus(status: ChannelStatus): void {
    this.#stagedChannel = status;
  }

  /** Drops the frames of an incomplete turn. */
  discardStaged(): void {
    this.#stagedChannel = undefined;
    this.rows.discardStaged();
  }

  /** Applies the turn. */
  commit(seq: number, asOf: Readonly<Record<string, number>>, serverTimeMs: number): CommitResult {
    this.#applyChannelStatus();
    const result = this.rows.commit();
    if (result.fault !== undefined) return result;
    const freshUpToMs = this.#freshness(asOf, serverTimeMs);
    const isOther = this.#origin !== undefined && this.#origin.epoch !== this.#nextOrigin?.epoch;
    if (isOther && this.#channel?.source !== undefined)
      this.#catchUpTo = Math.max(this.#catchUpTo ?? 0, this.#asOf ?? 0);
    if (freshUpToMs === undefined || freshUpToMs >= (this.#catchUpTo ?? 0))
      this.#catchUpTo = undefined;
    this.#origin = this.#nextOrigin;
    this.#seq = seq;
    // A time before the last one is passed on at once: another node may be further behind.
    const hasMoved =
      freshUpToMs !== undefined &&
      (this.#asOf === undefined ||
        freshUpToMs < this.#asOf ||
        freshUpToMs - this.#asOf >= AS_OF_STEP_MS);
    if (result.changed > 0 || hasMoved || this.#isBehind || seq >= this.#awaitedSeq) {
      this.#asOf = freshUpToMs ?? this.#asOf;
      this.#isBehind = false;
      this.#awaitedSeq = Infinity;
      this.hasNews = true;
    }
    return result;
  }

  /**
   * The turn did not complete this view; a snapshot that is complete is shown all the same, unless
   * it is older than a write that is visible for the page from `visibleSeq` on.
   */
  commitBehind(visibleSeq: number): CommitResult | undefined {
    this.#applyChannelStatus();
    const result = this.rows.commitSnapshot(visibleSeq);
    if (result !== undefined) {
      this.#origin = this.#nextOrigin;
      this.#seq = this.rows.seq;
    }
    if (result !== undefined) this.hasNews = true;
    this.leftBehind();
    return result;
  }

  /** The next rows may be of any time, also of an earlier one. */
  goesElsewhere(): void {
    this.#asOf = undefined;
    this.#catchUpTo = undefined;
  }

  /** The page's cursor moves on, and this view keeps its own. */
  leftBehind(): void {
    if (!this.#isBehind) this.hasNews = true;
    this.#isBehind = true;
  }

  /**
   * Frames are missing: the rows are as of the last applied change, even if a later watermark has
   * come.
   */
  fellBehind(): void {
    this.rows.discardStaged();
    this.#seq = this.rows.seq;
    this.leftBehind();
  }

  /**
   * The time up to which the rows are complete; undefined while the channel's source is unknown.
   */
  #freshness(asOf: Readonly<Record<string, number>>, serverTimeMs: number): number | undefined {
    if (this.#channel === undefined) return undefined;
    const { source } = this.#channel;
    return source === undefined ? serverTimeMs : asOf[source];
  }

  #applyChannelStatus(): void {
    if (this.#stagedChannel === undefined) return;
    this.#channel = this.#stagedChannel;
    this.#stagedChannel = undefined;
    this.hasNews = true;
  }

  #state(): ViewState {
    return {
      ...this.#status(),
      error: this.#error,
      asOf: this.#asOf,
      seq: this.#seq,
      epoch: this.#origin?.epoch,
      isBehind: this.#isBehind,
      isPartial: this.#channel?.partial === true || this.narrowedTo !== undefined,
      channelRows: this.#channel?.rows,
      totalRows: this.#channel?.total,
      omittedRows: this.#channel?.omitted ?? 0,
    };
  }

  #status(): { status: ViewStatus; reason: string | undefined } {
    if (this.#error !== undefined) return { status: "refused", reason: this.#error.message };
    if (!this.rows.isLoaded) return { status: "loading", reason: this.#reachability.reason };
    if (!this.#reachability.isOpen) return { status: "stale", reason: this.#reachability.reason };
    if (this.#channel !== undefined && this.#channel.status !== "live") {
      return { status: this.#channel.status, reason: this.#channel.reason };
    }
    if (this.#catchUpTo !== undefined)
      return { status: "catching_up", reason: "this server is behind the data already shown" };
    return { status: this.#isBehind ? "catching_up" : "live", reason: undefined };
  }
}

/** Each connection state as views see it. */
export function reachabilityOf(state: ConnectionState): Reachability {
  switch (state.kind) {
    case "open":
      return { isOpen: true, reason: undefined };
    case "waiting":
    case "refused":
      return { isOpen: false, reason: state.reason };
    case "stopped":
      return { isOpen: false, reason: "the client was closed" };
    case "idle":
      return { isOpen: false, reason: "connecting" };
    case "connecting":
    case "greeting":
    case "identifying":
      // Between two attempts the views keep the reason why they are not live.
      return { isOpen: false, reason: state.reason ?? "connecting" };
  }
}
