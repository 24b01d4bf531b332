/** The door `tidemark`: declare channels, add sources, serve. */
export { channel } from "./server/channel.ts";
export type { ChannelDefinition, ChannelOptions } from "./server/channel.ts";
export { createTidemark, Tidemark } from "./server/tidemark.ts";
export type { ChannelHandle, Channels, ListenOptions, TidemarkOptions, TransactionHandle } from "./server/tidemark.ts";
export type { Authenticate, ConnectionRequest, Policy } from "./server/access.ts";
export type { ServerLimits } from "./server/limits.ts";
export type { Source, SourceContext, SourceStatus } from "./sources/source.ts";
export type { ChannelDeclaration } from "./table/channel.ts";
export type { ChannelBounds, ViewLimits } from "./table/limits.ts";
export type { CommitDraft, ChannelChange, KeyedRow } from "./log/log.ts";
export type { Column, ColumnType } from "./protocol/column.ts";
export type { Condition, OrderBy, Query, Where } from "./protocol/query.ts";
export type { JsonValue, Row } from "./protocol/row.ts";
export { ERROR_CODES } from "./std/error-codes.ts";
export type { ErrorCode } from "./std/error-codes.ts";
export { TidemarkError } from "./std/errors.ts";
