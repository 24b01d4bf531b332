/**
 * How one kind of client is spoken to. Everything behind the words is shared by all dialects: views, cursors,
 * rights, limits, slices, one write per turn. A dialect turns what its clients say into the messages of the
 * protocol, and what the server says into texts; each text is made once for all who need the same.
 */
import type { Outgoing } from "../../protocol/codec.ts";
import type { Column } from "../../protocol/column.ts";
import type { Query } from "../../protocol/query.ts";
import type { UpMessage } from "../../protocol/up.ts";
import { projectedColumns } from "../../table/projection.ts";
import type { View } from "../../table/view.ts";

/** What is seen of a request or of the upgrade to a WebSocket. */
export interface ConnectionRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly remoteAddress: string | undefined;
}

/** What rows are of. */
export interface DialectView {
  /** The bare channel's name, or an opaque text. */
  readonly id: string;
  readonly channel: string;
  readonly query: Query;
  /** Columns whose values make up a row's key. */
  readonly key: readonly string[];
  readonly columns: readonly Column[];
}

/** What a client says: a message of the protocol, or the end of subscriptions by their queries. */
export type DialectCommand =
  | UpMessage
  | { readonly op: "UNSUBSCRIBE"; readonly queries: readonly unknown[] };

/** One client's side. */
export interface DialectConnection {
  /** What it says by connecting, as by its address: usually an IDENTIFY with subscriptions. */
  readonly begins?: readonly DialectCommand[];
  /**
   * What a text of it means. Absent: it can't speak, and a text closes the connection.
   * @throws anything, for what is not understood: the client is told by ERROR, and the connection is closed
   */
  receive?(text: string): readonly DialectCommand[];
}

export interface Dialect {
  readonly name: string;
  /** The whole path, `/ws/heatmap`. */
  readonly path: string;
  /** `websocket`; `sse`: server-sent events; `http`: one answer, which ends with the first whole turn. */
  readonly carrier: "websocket" | "sse" | "http";
  /** Of an `http` answer. Default `application/x-ndjson`, a text per line. */
  readonly contentType?: string;
  /** Clients say HEARTBEAT. Default: a WebSocket client is alive while it answers pings. */
  readonly hasHeartbeats?: boolean;
  /** @throws TidemarkError, for an address that means nothing: the connection is refused with it */
  connect(request: ConnectionRequest): DialectConnection;
  /**
   * The text of what the server says; undefined to say nothing. A function of its arguments alone, since the
   * text is shared: for rows (`rowTexts` of a SNAPSHOT, `upsertTexts` and `removes` of a DELTA_BATCH) by
   * all who are sent the same range of the view.
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
      query,
      key: declaration.key,
      columns: declaration.columns.filter(({ name }) => sent === undefined || sent.includes(name)),
    };
    views.set(view, about);
  }
  return about;
}
