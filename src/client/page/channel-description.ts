/** What the server says of a channel without a view: its key, its columns, and its history. */
import type { Column } from "../../protocol/column.ts";
import { bodyOf, type PageRequests } from "./page-requests.ts";

export interface ChannelDescription {
  readonly channel: string;
  /** Columns whose values make up a row's key. */
  readonly key: readonly string[];
  /** Empty for a channel that declares none. */
  readonly columns: readonly Column[];
  /** Present for a channel that keeps history. */
  readonly history?: ChannelHistorySpan;
}

/** What a channel's history covers; each part is undefined where the server does not say. */
export interface ChannelHistorySpan {
  /**
   * How the server's writer of history fares: `retrying` while the store does not take rows, `full`
   * when no more may wait and producers are refused.
   */
  readonly status: "ok" | "retrying" | "full" | undefined;
  /** Queries as of a lower seq, or of an earlier time, are refused with `HISTORY_TRIMMED`. */
  readonly fromSeq: number | undefined;
  readonly fromTimeMs: number | undefined;
  /** How many rows are stored, of a channel that is append-only, for who may see all of them. */
  readonly rows: number | undefined;
}

/** As the server sends it. */
interface WireChannel {
  readonly channel: string;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  readonly history?: {
    readonly status?: "ok" | "retrying" | "full" | null;
    readonly from_seq: number | null;
    readonly from_unix_ms: number | null;
    readonly rows: number | null;
  };
}

/** Asks the server. @throws TidemarkError as the server says; `STOPPED` when no answer came */
export async function describeChannel(
  requests: PageRequests,
  name: string,
  signal: AbortSignal | undefined,
): Promise<ChannelDescription> {
  const route = `/channels/${encodeURIComponent(name)}`;
  const { channel, key, columns, history } = bodyOf<WireChannel>(
    await requests.send(route, "row", signal),
  );
  if (history === undefined) return { channel, key, columns };
  const { status, from_seq, from_unix_ms, rows } = history;
  return {
    channel,
    key,
    columns,
    history: {
      status: status ?? undefined,
      fromSeq: from_seq ?? undefined,
      fromTimeMs: from_unix_ms ?? undefined,
      rows: rows ?? undefined,
    },
  };
}
