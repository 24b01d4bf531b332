/**
 * The message format of one kind of client. All dialects share the server behind it: views,
 * cursors, rights, limits, slices, one write per turn. A dialect turns its clients' texts into
 * messages of the protocol, and the server's messages into texts; each text is made once for all
 * sessions that need it.
 */
import type { Outgoing } from "../../protocol/codec.ts";
import type { Column } from "../../protocol/column.ts";
import type { UpMessage } from "../../protocol/up.ts";
import { fromWireQuery, type Query } from "../../protocol/user-query.ts";
import { projectedColumns } from "../../table/projection.ts";
import type { View } from "../../table/view.ts";

/** The address and headers of a request, or of the upgrade to a WebSocket. */
export interface ConnectionRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly remoteAddress: string | undefined;
}

/** The view that rows belong to. */
export interface DialectView {
  /** The bare channel's name, or an opaque text. */
  readonly id: string;
  readonly channel: string;
  readonly query: Query;
  /** Columns whose values make up a row's key. */
  readonly key: readonly string[];
  readonly columns: readonly Column[];
}

/**
 * A client's command: a message of the protocol in snake_case, as on the wire, the end of
 * subscriptions by their queries, or a text that the dialect answers by itself, such as a refusal
 * that leaves the connection open.
 */
export type DialectCommand =
  | UpMessage
  | { readonly op: "UNSUBSCRIBE"; readonly queries: readonly unknown[] }
  | { readonly op: "ANSWER"; readonly text: string };

/** One client's connection in the dialect. */
export interface DialectConnection {
  /**
   * The commands that the connection's address stands for: usually an IDENTIFY with subscriptions.
   */
  readonly begins?: readonly DialectCommand[];
  /**
   * The commands that a client's text stands for. Absent: the client can't send, and a text closes
   * the connection. @throws any error for an invalid text: the client gets an ERROR, and the
   * connection is closed
   */
  receive?(text: string): readonly DialectCommand[];
  /**
   * Whether the client gets all rows of a view at each change, as a SNAPSHOT, and never a
   * DELTA_BATCH. Asked when it subscribes to the view. Absent: no view.
   */
  isWhole?(view: DialectView): boolean;
}

export interface Dialect {
  readonly name: string;
  /** The whole path, `/ws/heatmap`. */
  readonly path: string;
  /**
   * `websocket`; `sse`: server-sent events; `http`: one answer, which ends with the first whole
   * turn.
   */
  readonly carrier: "websocket" | "sse" | "http";
  /** The content type of an `http` answer. Default `application/x-ndjson`, a text per line. */
  readonly contentType?: string;
  /**
   * How long an `http` answer waits for its first text, such as the first result of a query that
   * nobody watched; then it is refused with `NOT_READY`. Default: it ends without one.
   */
  readonly firstTextMsMax?: number;
  /**
   * Whether clients send HEARTBEAT. Default false: a WebSocket client is alive while it answers
   * pings.
   */
  readonly hasHeartbeats?: boolean;
  /**
   * @throws TidemarkError for an invalid address: the connection is refused with it
   */
  connect(request: ConnectionRequest): DialectConnection;
  /**
   * The text of a message of the server; undefined to send nothing. A function of its arguments
   * alone, since sessions share the text: for rows (`rowTexts` of a SNAPSHOT, `upsertTexts` and
   * `removes` of a DELTA_BATCH) all that are sent the same range of the view.
   */
  encode(message: Outgoing, view: DialectView | undefined): string | undefined;
}

const views = new WeakMap<View, DialectView>();

export function dialectViewOf(view: View): DialectView {
  let about = views.get(view);
  if (about === undefined) {
    const { id, channel, query, declaration } = view;
    const sent = projectedColumns(declaration, query);
    about = {
      id,
      channel,
      query: fromWireQuery(query),
      key: declaration.key,
      columns: declaration.columns.filter(({ name }) => sent === undefined || sent.includes(name)),
    };
    views.set(view, about);
  }
  return about;
}
