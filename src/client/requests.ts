/** What the client asks for: one subscription per view, from its cursor if it has one, in frames of bounded size. */
import { PROTOCOL_LIMITS } from "../protocol/limits.ts";
import type { SubscriptionRequest } from "../protocol/messages/subscribe.ts";
import type { ViewCore } from "./live-view.ts";

/** Subscriptions of one frame, well below what the server takes. */
const REQUEST_BYTES_MAX = PROTOCOL_LIMITS.clientFrameBytesMax / 4;

export function batchesOf(cores: readonly ViewCore[]): readonly (readonly ViewCore[])[] {
  const batches: ViewCore[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const core of cores) {
    const size = JSON.stringify(requestOf(core)).length;
    if (bytes + size > REQUEST_BYTES_MAX) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(core);
    bytes += size;
  }
  return batches;
}

export function requestOf({ wireQuery, cursor }: ViewCore): SubscriptionRequest {
  if (cursor !== undefined) return { ...wireQuery, cursor };
  return Object.keys(wireQuery).length === 1 ? wireQuery.channel : wireQuery;
}
