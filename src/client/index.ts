/** The door `tidemark/client`: live views in browsers and Node, without a framework. */
export { createClient, TidemarkClient } from "./client.ts";
export type { ClientChannels, ClientOptions, ConnectionSnapshot, LiveView, Readable } from "./client.ts";
export type { Backoff, ConnectionState } from "./connection-state.ts";
export type { Detail, DetailLimits } from "./details.ts";
export type { WorkerLike } from "./host.ts";
export type { PinnedRow, ViewSnapshot } from "./live-view.ts";
export { immediately } from "./pacing.ts";
export type { Pacing } from "./pacing.ts";
export type { CarrierName, Position, RequestKind, ViewError, ViewState, ViewStatus } from "./port.ts";
export type { Percentiles, UiMetrics } from "./ui-metrics.ts";
export type { WebSocketConstructor, WebSocketLike } from "./websocket-like.ts";
export type { Column, ColumnType } from "../protocol/column.ts";
export type { Condition, OrderBy, Query, Where } from "../protocol/query.ts";
export type { JsonValue, Row } from "../protocol/row.ts";
export { TidemarkError } from "../std/errors.ts";
