/**
 * A live view that stands still while somebody reads it. Its subscription goes on, so that what
 * waits can be counted; when that is too much, the server is asked to wait, too, by the view's
 * credit. Nothing is lost: `resume` shows the rows as they are then.
 *
 * Retains the rows that were shown, and at most `PAUSED_KEYS_MAX` keys.
 */
import { keyOf } from "../../protocol/row.ts";
import type { RowChanges, ToEngine } from "../port.ts";
import { PAUSED_KEYS_MAX } from "../limits.ts";
import type { ViewCore, ViewSnapshot } from "./live-view.ts";

/**
 * Without effect on a view that is paused, or has no rows yet. A view with history stands still as
 * of one commit instead (`snapshot.history`).
 */
export function pauseView(core: ViewCore, post: (message: ToEngine) => void): void {
  const shown = core.snapshot();
  if (shown.history !== undefined) return shown.history.pause();
  if (core.still !== undefined || shown.status === "loading" || shown.status === "refused") return;
  const still = standing(shown);
  const keys = new Set<string>();
  let isHeld = false;
  const show = (): void => {
    core.still = { ...still, paused: { waiting: keys.size, isMore: isHeld, resume: end } };
    core.notify();
  };
  const follow = ({ upserts, removes }: RowChanges): void => {
    // The rows may no longer be shown.
    if (core.still === undefined) return end();
    for (const row of upserts) note(keyOf(row, shown.key) ?? "");
    for (const key of removes) note(key);
    // Another connection has other credit.
    if (keys.size >= PAUSED_KEYS_MAX) hold();
    show();
  };
  const note = (key: string): void => void (keys.size < PAUSED_KEYS_MAX && keys.add(key));
  const hold = (): void => {
    isHeld = true;
    post({ kind: "credit", id: core.id, turns: 0 });
  };
  const end = (): void => {
    core.followers.delete(follow);
    core.still = undefined;
    if (isHeld) post({ kind: "credit", id: core.id, turns: null });
    core.notify();
  };
  core.followers.add(follow);
  show();
}

/** The snapshot with the rows of now, which later commits do not change. */
function standing(shown: ViewSnapshot): ViewSnapshot {
  const rows = new Map(shown.keys.map((key) => [key, shown.row(key)]));
  return {
    ...shown,
    status: "stale",
    reason: "paused",
    row: (key) => rows.get(key),
    isPending: () => false,
  };
}
