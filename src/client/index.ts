/** The door `tidemark/client`: live views in browsers and Node, without a framework. */
export { createClient, TidemarkClient } from "./client.ts";
export type { ClientChannels, ClientOptions, ConnectionSnapshot, LiveView } from "./client.ts";
export type { ConnectionState } from "./connection-state.ts";
export type { WebSocketConstructor, WebSocketLike } from "./connection.ts";
export type { ViewError, ViewSnapshot, ViewStatus } from "./live-view.ts";
export type { Column, ColumnType } from "../protocol/column.ts";
export type { Condition, OrderBy, Query, Where } from "../protocol/query.ts";
export type { JsonValue, Row } from "../protocol/row.ts";
export { TidemarkError } from "../std/errors.ts";
