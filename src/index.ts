/** The entry point `tidemark`: declare channels, add sources, serve. */
export { channel } from "./server/channel.ts";
export type {
  ChannelDefinition,
  ChannelOptions,
  Channels,
  TransactionHandle,
} from "./server/channel.ts";
export { mutation } from "./server/mutations/mutation.ts";
export type {
  MemoryMutationOptions,
  MutationCall,
  MutationDefinition,
  MutationOptions,
  Mutations,
} from "./server/mutations/mutation.ts";
export { forCaller, type ForCaller } from "./server/for-caller.ts";
export { createTidemark, Tidemark } from "./server/tidemark.ts";
export type { ChannelHandle } from "./server/own-channels.ts";
export type {
  AttachOptions,
  Listening,
  ListenOptions,
  OpenTransaction,
  TidemarkOptions,
} from "./server/options.ts";
export type { Authenticate } from "./server/session/access.ts";
export type { Policy } from "./server/policies.ts";
export type {
  ConnectionRequest,
  Dialect,
  DialectCommand,
  DialectConnection,
  DialectView,
} from "./server/turn/dialect.ts";
export { tableRows, type TableRowsOptions } from "./server/session/table-rows-dialect.ts";
export type { DeltaOfTexts, Outgoing, SnapshotOfTexts } from "./protocol/codec.ts";
export type { Limits } from "./server/limit-groups.ts";
export type { IngestLimits } from "./server/ingest-limits.ts";
export type { ServerLimits } from "./server/limits.ts";
export type { Interest, WatchedView } from "./sources/interest.ts";
export type { Source, SourceContext, SourceDraft, SourceLogger } from "./sources/source.ts";
export type { ChannelWrites, SqlTransaction, Writer } from "./sources/writer.ts";
export type { ViewLimits } from "./table/limits.ts";
export type { ChannelDeclaration } from "./log/channel.ts";
export type {
  ChannelChange,
  Commit,
  CommitDraft,
  KeyedRow,
  Log,
  LogReader,
  SourceStatus,
  StatusChange,
} from "./log/log.ts";
export type { ChannelBounds, ChannelHistory, LogLimits } from "./log/limits.ts";
export type * from "./history/history.ts";
export type { HistoryLimits } from "./history/limits.ts";
export { MemoryLog } from "./log/memory.ts";
export type { Column, ColumnType } from "./protocol/column.ts";
export type { Condition, OrderBy, Query, Where } from "./protocol/user-query.ts";
export type { JsonValue, Row } from "./protocol/row.ts";
export { MutationError } from "./protocol/mutation-error.ts";
export { ERROR_CODES } from "./std/error-codes.ts";
export type { ErrorCode } from "./std/error-codes.ts";
export { TidemarkError } from "./std/errors.ts";
