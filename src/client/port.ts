/**
 * The messages between the page and the stream engine. Everything here is plain data, so that the
 * engine may run in a Web Worker; in one thread the same messages are passed directly.
 */
import type { Cursor } from "../protocol/messages/subscribe.ts";
import type { MutationFailure } from "../protocol/messages/mutation-result.ts";
import type { Paths } from "../protocol/paths.ts";
import type { Column } from "../protocol/column.ts";
import type { WireOrderBy, WireQuery } from "../protocol/query.ts";
import type { Query } from "../protocol/user-query.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import type { Backoff } from "./backoff.ts";
import type { ConnectionState } from "./connection-state.ts";
import type { ClientLimits } from "./limits.ts";

/** A view's key, columns and order, as the server sent them. */
export interface ViewShape {
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  readonly order_by: readonly WireOrderBy[];
  /** Without `order_by`, the rows are in the order of their keys. */
  readonly isLimited: boolean;
}

/** Each key once, at its present value. */
export interface RowChanges {
  readonly upserts: readonly Row[];
  readonly removes: readonly string[];
}

/** What the engine measures. */
export interface StreamRates {
  /** From commit to the applied turn, of the last minute; undefined before the first. */
  readonly latencyP50Ms: number | undefined;
  readonly latencyP99Ms: number | undefined;
  /** How many turns these two are from: of fewer than a hundred, the p99 is the slowest. */
  readonly latencySamples: number;
  /** Applying one turn, of the last minute. */
  readonly applyP50Ms: number | undefined;
  readonly applyP99Ms: number | undefined;
  /** Rows of deltas; those of snapshots do not count. */
  readonly rowsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Sums since the client was made. */
  readonly rows: number;
  readonly bytes: number;
}

export type CarrierName = "websocket" | "sse" | "long-poll" | "poll";

/** What the engine is started with. */
export interface EngineConfig {
  /** The stream's address, as `ws:` or `wss:`. */
  readonly url: string;
  readonly paths: Partial<Paths> | undefined;
  readonly limits: ClientLimits;
  readonly backoff: Backoff;
  /** Tried in this order. */
  readonly carriers: readonly CarrierName[];
  /** After so many failed attempts in a row the next carrier is tried. */
  readonly carrierAttemptsMax: number;
  /** How often, on a fallback, the best carrier is tried again. */
  readonly upgradeIntervalMs: number;
  readonly pollIntervalMs: number;
  /** Present for a replay of the past. */
  readonly replay?: ReplayConfig;
}

/** A span of the past, as the address of its stream has it. */
export interface ReplayConfig {
  readonly from: string;
  readonly to: string | undefined;
  readonly speed: string;
  readonly channels: string | undefined;
}

/** Requests over HTTP, by purpose. */
export type RequestKind = "row" | "snapshot" | "poll" | "up";

export type ToEngine =
  | { readonly kind: "configure"; readonly config: EngineConfig }
  | { readonly kind: "connect" }
  /** `after`: the end of the rows that the page has loaded from history. */
  | {
      readonly kind: "open";
      readonly id: string;
      readonly query: WireQuery;
      readonly after?: Cursor;
    }
  | { readonly kind: "close"; readonly id: string }
  /** Further turns with rows of a view; `null`: as many as there are. */
  | { readonly kind: "credit"; readonly id: string; readonly turns: number | null }
  /** The last commit has been applied and shown. */
  | { readonly kind: "ack" }
  /** The page waits for a view to reach `seq`, also when no row of the view changes. */
  | { readonly kind: "await"; readonly id: string; readonly seq: number }
  | { readonly kind: "hidden"; readonly isHidden: boolean }
  /** The network may have changed; `isBack`: the platform reports that it is back. */
  | { readonly kind: "network"; readonly isBack: boolean }
  | {
      readonly kind: "credentials";
      readonly id: number;
      readonly value?: unknown;
      readonly error?: string;
    }
  | {
      readonly kind: "fetch";
      readonly id: number;
      /** As `routeAddress` takes it; `{session}` stands for the present session's id. */
      readonly route: string;
      readonly purpose: RequestKind;
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  | { readonly kind: "abort"; readonly id: number }
  | { readonly kind: "write"; readonly request: WriteRequest }
  /** A replay goes on in another way, or from another place. */
  | { readonly kind: "replay"; readonly from?: string; readonly speed?: string }
  /** Starts or stops the inspection of the stream. */
  | { readonly kind: "inspect"; readonly isOn: boolean }
  | { readonly kind: "stop" };

/**
 * A mutation to make; or, with `txid` instead, a write made elsewhere: the engine reports when it
 * is visible.
 */
export interface WriteRequest {
  readonly id: string;
  readonly name?: string;
  readonly input?: unknown;
  /** The commit at which the user saw the row that the write changes. */
  readonly expected?: PageCursor;
  readonly txid?: string;
  /** The credentials for a write over HTTP. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** The outcome of a write: views hold it from the commit `visibleAt` on, or it failed. */
export interface WriteResult {
  readonly id: string;
  readonly visibleAt?: PageCursor;
  readonly value?: JsonValue;
  readonly error?: MutationFailure;
}

export type ToPage =
  /** The engine runs. */
  | { readonly kind: "running" }
  | Commit
  /**
   * Rights have changed: the page must remove all its rows, without waiting for a frame.
   */
  | { readonly kind: "revoked" }
  | { readonly kind: "connection"; readonly stats: ConnectionStats }
  | ({ readonly kind: "inspection" } & Inspection<WireQuery>)
  | { readonly kind: "credentials"; readonly id: number }
  /** For the developer: why the stream does not connect. */
  | { readonly kind: "warning"; readonly text: string }
  | {
      readonly kind: "fetched";
      readonly id: number;
      readonly status: number;
      readonly body: string;
    };

/** Frames between client and server since the last message of this type. */
export interface Inspection<Q = Query> {
  readonly frames: readonly InspectedFrame[];
  /** Frames that were dropped from the full batch. */
  readonly dropped: number;
  /** Turns that the server may still send. */
  readonly credit: number;
  readonly subscriptions: readonly SubscriptionStats<Q>[];
}

export interface InspectedFrame {
  readonly direction: "up" | "down";
  readonly atMs: number;
  readonly bytes: number;
  /** The beginning of the frame's text, without secrets. */
  readonly text: string;
}

export interface SubscriptionStats<Q = Query> {
  readonly id: string;
  readonly query: Q;
  /** The server's id of the view, once known. */
  readonly viewId: string | undefined;
  readonly status: ViewStatus;
  readonly seq: number;
  /** Commits between it and the page's cursor. */
  readonly lag: number | undefined;
  readonly rows: number;
  /** Rows that wait for the page to show them. */
  readonly queued: number;
  readonly bytes: number;
  readonly resyncs: number;
}

/** A commit that a page has reached: its `seq`, and the `epoch` of the history that counts it. */
export interface PageCursor {
  readonly epoch: string;
  readonly seq: number;
}

/** All views that have news, as of one commit of the server. */
export interface Commit {
  readonly kind: "commit";
  /**
   * The commit that every live view shows, also those without news; undefined before the first
   * turn.
   */
  readonly cursor: PageCursor | undefined;
  readonly views: readonly ViewNews[];
  /** Outcomes of writes, as of the same commit; failures as soon as they are known. */
  readonly results: readonly WriteResult[];
  /** Turns that came since the last commit. */
  readonly turns: number;
}

export interface ViewNews {
  readonly id: string;
  /** Present when the server has sent it anew. */
  readonly shape?: ViewShape;
  readonly rows?: RowChanges;
  /** The page must remove the view's rows, also pinned ones. */
  readonly isForgotten?: true;
  /** The changes after the page's rows are not to be had: it loads its rows anew. */
  readonly isLost?: true;
  readonly state: ViewState;
}

/**
 * - `loading`: nothing has come yet
 * - `live`: equal to the server's answer at the page's cursor
 * - `catching_up`: shown rows are older than the page's cursor, newer ones are on the way
 * - `stale`: the client has lost the server, or the server its source; `reason` says which
 * - `refused`: the server does not answer this query; `error` says why
 */
export type ViewStatus = "loading" | "live" | "catching_up" | "stale" | "refused";

export interface ViewError {
  readonly code: string;
  readonly message: string;
}

/** Everything about a view but its rows. */
export interface ViewState {
  readonly status: ViewStatus;
  readonly reason: string | undefined;
  readonly error: ViewError | undefined;
  /** Unix milliseconds up to which the rows are known to be complete; moves about once a second. */
  readonly asOf: number | undefined;
  /** The commit that the rows are as of, and the history that it is counted in. */
  readonly seq: number;
  readonly epoch: string | undefined;
  /** The rows are older than the page's cursor; the view has a cursor of its own. */
  readonly isBehind: boolean;
  /** The channel holds only part of its table, or the client only part of the view. */
  readonly isPartial: boolean;
  /** Rows that the channel holds, and rows of the whole table where the server knows. */
  readonly channelRows: number | undefined;
  readonly totalRows: number | undefined;
  /**
   * Rows of the channel that lack values since these were too large or too deeply nested to send:
   * their `$omitted` says why.
   */
  readonly omittedRows: number;
}

export interface ConnectionStats extends StreamRates {
  readonly state: ConnectionState;
  /**
   * While an open connection has been silent for longer than `limits.quietMs`, so that views are
   * stale: when the last turn came, in Unix milliseconds.
   */
  readonly silentSinceMs: number | undefined;
  /** The stream's present carrier. */
  readonly carrier: CarrierName;
  /** The commit of the last watermark, and the history that it is counted in. */
  readonly seq: number;
  readonly epoch: string | undefined;
  /**
   * The oldest `as_of` of the server's sources: everything shown is at least as fresh, stale
   * channels apart.
   */
  readonly asOf: number | undefined;
  /** When the server made the last turn, by the server's clock. */
  readonly serverTimeMs: number | undefined;
  /**
   * Milliseconds since then, corrected for the clocks' offset: this page's lag behind the server.
   */
  readonly lagMs: number | undefined;
  readonly roundTripMs: number | undefined;
  readonly clockOffsetMs: number;
  /**
   * Frames that were missing, and views whose rows did not match the server's digest; both are
   * requested again.
   */
  readonly gaps: number;
  readonly drifts: number;
  /** Rows that wait for the page to show them. */
  readonly queueDepth: number;
  readonly turns: number;
  readonly requestsPending: Readonly<Record<RequestKind, number>>;
}
