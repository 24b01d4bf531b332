/** Parses queries: untrusted JSON becomes the normal form, or `BAD_QUERY`. */
import { channelName, query } from "./query-schema.ts";
import type { WireQuery } from "./query.ts";
import { checked } from "./schema-check.ts";

/**
 * Checks shape and limits, not yet whether the columns exist. `at` is the query's path in the
 * client's frame.
 * @throws TidemarkError `BAD_QUERY`, with the path of what is wrong and what is allowed
 */
export function parseQuery(input: unknown, at = ""): WireQuery {
  if (typeof input === "string") return { channel: checked(channelName, input, "BAD_QUERY", at) };
  const { order_by, ...rest } = checked(query, input, "BAD_QUERY", at);
  const { channel, where, limit, columns, history } = rest;
  return {
    channel,
    ...(where !== undefined && { where }),
    ...(order_by !== undefined && order_by.length > 0 && { order_by }),
    ...(limit !== undefined && { limit }),
    ...(columns !== undefined && { columns }),
    ...(history === true && { history }),
  };
}
