/** One answer to a query over HTTP, without a subscription: a poll that is not repeated. */
import { TidemarkError, type ErrorCode } from "../../std/errors.ts";
import { decode, encodePlain } from "../../protocol/codec.ts";
import type { Subscribed } from "../../protocol/messages/subscribed.ts";
import { compileOrder } from "../../protocol/order.ts";
import type { WireQuery } from "../../protocol/query.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import { VERSIONS } from "../../protocol/version.ts";

/** The rows of a query as of one commit. */
export interface QueryAnswer<R = Row> {
  readonly rows: readonly R[];
  readonly epoch: string;
  readonly seq: number;
}

/** The body to POST to the route for polls. */
export function askFor(query: WireQuery, auth: unknown): string {
  return encodePlain({
    op: "IDENTIFY",
    ...VERSIONS,
    ...(auth !== undefined && { auth }),
    subscriptions: [query],
  });
}

/** @throws TidemarkError as the server says; `STOPPED` when no whole answer came */
export function answerIn(
  { status, body }: { readonly status: number; readonly body: string },
  { order_by, limit }: WireQuery,
): QueryAnswer {
  if (status === 0)
    throw new TidemarkError("STOPPED", "No answer came from the server. Try again.");
  if (status >= 400) throw refusalIn(body);
  const rows = new Map<string, Row>();
  let told: Subscribed | undefined;
  const put = (row: Row): void => void rows.set(keyOf(row, told?.key ?? []) ?? "", row);
  for (const line of body.split("\n")) {
    const message = decode(line);
    if (message?.op === "ERROR")
      throw new TidemarkError(message.code as ErrorCode, message.message);
    if (message?.op !== "DISPATCH") continue;
    if (message.type === "SUBSCRIBED") told = message;
    if (message.type === "SNAPSHOT") {
      // A snapshot may start anew.
      if (message.part === 0) rows.clear();
      message.rows.forEach(put);
    }
    // A snapshot may be older than the turn, and is followed by the later changes.
    if (message.type === "DELTA_BATCH") {
      for (const key of message.patch.remove) rows.delete(key);
      message.patch.upsert.forEach(put);
    }
    if (message.type !== "WATERMARK" || told === undefined || message.behind !== undefined)
      continue;
    const { columns, epoch } = told;
    const { seq } = message;
    if (order_by === undefined && limit === undefined)
      return { rows: [...rows.values()], epoch, seq };
    const types = new Map(columns.map(({ name, type }) => [name, type]));
    const order = compileOrder(order_by ?? [], {
      typeOf: (name) => types.get(name) ?? "any",
      columnNames: [],
    });
    const ranked = Array.from(rows, ([key, row]) => ({ key, row }));
    return { rows: ranked.sort(order).map(({ row }) => row), epoch, seq };
  }
  throw new TidemarkError("STOPPED", "The server's response was incomplete. Try again.");
}

/** The error in an answer that is not a stream. */
function refusalIn(body: string): TidemarkError {
  try {
    const { code, message } = JSON.parse(body) as { code?: unknown; message?: unknown };
    if (typeof code === "string" && typeof message === "string")
      return new TidemarkError(code as ErrorCode, message);
  } catch {
    // The answer came from a proxy.
  }
  return new TidemarkError("STOPPED", "The server's response was incomplete. Try again.");
}
