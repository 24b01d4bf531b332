/** A position that a client names for all its views at once, as a carrier's own memory holds it: `epoch:seq:marks`. */
import type { Identify } from "../../protocol/messages/identify.ts";
import type { Resume } from "../../protocol/messages/resume.ts";
import { createHash } from "node:crypto";
import { isBare } from "../../table/view-id.ts";
import type { View } from "../../table/view.ts";

/** Where whole channels stand, or the views with these marks. */
export interface Position {
  readonly epoch: string;
  readonly seq: number;
  readonly viewMarks?: ReadonlySet<string>;
}

/** Whether it speaks of this view. */
export function isPositionOf(
  { viewMarks }: Position,
  { id, query }: Pick<View, "id" | "query">,
): boolean {
  return viewMarks === undefined ? isBare(query) : viewMarks.has(viewMark(id));
}

/** A view id in eight characters. */
export function viewMark(viewId: string): string {
  return createHash("sha256").update(viewId).digest("base64url").slice(0, 8);
}

/** What an event id says: a position, and the marks of the views that stood there. */
export function parseEventId(text: string | undefined): Position | undefined {
  const [, epoch, seq, marks] = /^(\w+):(\d{1,15}):([\w.-]*)$/.exec(text ?? "") ?? [];
  if (epoch === undefined || seq === undefined) return undefined;
  return { epoch, seq: Number(seq), viewMarks: new Set(marks?.split(".")) };
}

/** The position of whole channels that a client names, if it does. */
export function positionIn(message: Identify | Resume, epoch: string): Position | undefined {
  if (message.op === "RESUME")
    return message.last_seq === undefined ? undefined : { epoch, seq: message.last_seq };
  return message.snapshot_seq === undefined
    ? undefined
    : { epoch: message.epoch ?? "", seq: message.snapshot_seq };
}
