/**
 * One cursor for all views of a client, for event ids and the addresses of polls:
 * `epoch:seq:hashes`.
 */
import type { Identify } from "../../protocol/messages/identify.ts";
import type { Resume } from "../../protocol/messages/resume.ts";
import { createHash } from "node:crypto";
import { isBare } from "../../table/view-id.ts";
import type { View } from "../../table/view.ts";

/** The seq up to which the client has whole channels, or the views with these hashes. */
export interface SharedCursor {
  readonly epoch: string;
  readonly seq: number;
  readonly viewHashes?: ReadonlySet<string>;
}

/** Whether the cursor covers this view. */
export function isCursorOf(
  { viewHashes }: SharedCursor,
  { id, query }: Pick<View, "id" | "query">,
): boolean {
  return viewHashes === undefined ? isBare(query) : viewHashes.has(viewHash(id));
}

/** The hash of a view id, in eight characters. */
export function viewHash(viewId: string): string {
  return createHash("sha256").update(viewId).digest("base64url").slice(0, 8);
}

/** An event id: a cursor, and the hashes of the views that it covers. */
export function parseEventId(text: string | undefined): SharedCursor | undefined {
  const [, epoch, seq, hashes] = /^(\w+):(\d{1,15}):([\w.-]*)$/.exec(text ?? "") ?? [];
  if (epoch === undefined || seq === undefined) return undefined;
  return { epoch, seq: Number(seq), viewHashes: new Set(hashes?.split(".")) };
}

/** The cursor for whole channels in a client's message, if it has one. */
export function sharedCursorIn(
  message: Identify | Resume,
  epoch: string,
): SharedCursor | undefined {
  if (message.op === "RESUME")
    return message.last_seq === undefined ? undefined : { epoch, seq: message.last_seq };
  return message.snapshot_seq === undefined
    ? undefined
    : { epoch: message.epoch ?? "", seq: message.snapshot_seq };
}
