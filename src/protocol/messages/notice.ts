/** NOTICE: the server tells the client that it reset or delayed a view. */
import * as v from "valibot";
import { amount, count, fields, only, words } from "../schema.ts";
import { snapshotReason } from "./subscribed.ts";

const head = { op: only("DISPATCH"), type: only("NOTICE") } as const;

/** A view could not be continued from its cursor and starts anew. */
const resetNotice = fields({
  ...head,
  code: only("RESET"),
  view: words,
  reason: snapshotReason,
  message: words,
});

/** A view could not be served for a while, because credit or room in the socket was missing. */
const slowConsumerNotice = fields({
  ...head,
  code: only("SLOW_CONSUMER"),
  view: words,
  /** Commits between the view's cursor and the server's seq. */
  behind: count,
  since_unix_ms: amount,
  message: words,
});

export const notice = v.union(
  [resetNotice, slowConsumerNotice],
  "must be a RESET or a SLOW_CONSUMER",
);

export type Notice = v.InferOutput<typeof notice>;
