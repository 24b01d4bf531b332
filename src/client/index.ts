/** The entry point `tidemark/client`: live views in browsers and Node, without a framework. */
export { createClient, TidemarkClient } from "./client.ts";
export type { AnyChannels, ClientChannels, QueryOf, Readable } from "./client.ts";
export { createReplay, ReplayClient } from "./replay.ts";
export type { ReplayMoment, ReplayOptions } from "./replay.ts";
export type { ClientOptions, OptimisticOption } from "./client-options.ts";
export type { ClientLimits } from "./limits.ts";
export type { ChannelDescription, ChannelHistorySpan } from "./page/channel-description.ts";
export type { HistoryAnswer, HistoryOptions } from "./page/fetch-history.ts";
export type { QueryAnswer } from "./page/fetch-query.ts";
export type { ViewHistory } from "./page/view-history.ts";
export type { RowAnswer } from "./page/row-cache.ts";
export type { LiveView } from "./page/page-views.ts";
export type {
  Mutate,
  MutateFunction,
  MutateOptions,
  Optimistic,
  OptimisticFunction,
  WriteOptions,
} from "./writes/page-writes.ts";
export type { PendingWrite } from "./writes/pending-writes.ts";
export type { RowPatch } from "./writes/row-patch.ts";
export type { Backoff } from "./backoff.ts";
export type { ConnectionState } from "./connection-state.ts";
export type { WorkerLike } from "./page/host.ts";
export type { PausedState, PinnedRow, ViewSnapshot } from "./page/live-view.ts";
export type { OnReport } from "./page/telemetry.ts";
export type { PageReport } from "../protocol/page-report.ts";
export { immediately } from "./page/pacing.ts";
export type { Pacing } from "./page/pacing.ts";
export type {
  CarrierName,
  ConnectionStats,
  InspectedFrame,
  Inspection,
  PageCursor,
  RequestKind,
  RowChanges,
  SubscriptionStats,
  ViewError,
  ViewState,
  ViewStatus,
} from "./port.ts";
export type { Percentiles, UiMetrics } from "./page/ui-metrics.ts";
export type { WebSocketConstructor, WebSocketLike } from "./connection/websocket-like.ts";
export type { Column, ColumnType } from "../protocol/column.ts";
export type { Condition, OrderBy, Query, Where } from "../protocol/user-query.ts";
export type { JsonValue, Row } from "../protocol/row.ts";
export { MutationError } from "../protocol/mutation-error.ts";
export type { RowOf, TypedChannel } from "../protocol/typed-channel.ts";
export type { MutationTree, TypedMutation } from "../protocol/typed-mutation.ts";
export { TidemarkError } from "../std/errors.ts";
