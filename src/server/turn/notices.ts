/**
 * The NOTICEs about a client's own connection: that it is slow, and that a view therefore starts
 * anew.
 */
import type { Notice } from "../../protocol/messages/notice.ts";
import type { SnapshotReason } from "../../protocol/messages/subscribed.ts";

/** `behind`: by how many commits. */
export function slowConsumerNotice(view: string, behind: number, sinceUnixMs: number): Notice {
  return {
    op: "DISPATCH",
    type: "NOTICE",
    code: "SLOW_CONSUMER",
    view,
    behind,
    since_unix_ms: sinceUnixMs,
    message:
      "The view was not sent because credit or room in the socket was missing. One delta will bring the missed changes.",
  };
}

export function resetNotice(view: string, reason: SnapshotReason): Notice {
  return {
    op: "DISPATCH",
    type: "NOTICE",
    code: "RESET",
    view,
    reason,
    message:
      "The connection was slower than the view's memory of removed rows; the view starts anew.",
  };
}
