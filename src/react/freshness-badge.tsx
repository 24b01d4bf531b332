/** What a view's rows are worth, in words with a shape, never by colour alone. */
import type { ReactElement } from "react";
import type { ViewState, ViewStatus } from "../client/port.ts";
import { useNow } from "./use-now.ts";

const WORDS: Readonly<Record<ViewStatus, string>> = {
  live: "live",
  loading: "loading",
  catching_up: "catching up",
  stale: "stale",
  refused: "refused",
};
const SHAPES: Readonly<Record<ViewStatus, string>> = {
  live: "●",
  loading: "○",
  catching_up: "◔",
  stale: "◆",
  refused: "■",
};

export interface FreshnessBadgeProps {
  /** A view's snapshot, as `useLiveQuery` returns it. */
  readonly view: Pick<ViewState, "status" | "asOf" | "reason" | "isPartial">;
  /** Server time minus the page's, as `useConnection(client).clockOffsetMs`. Default 0. */
  readonly clockOffsetMs?: number;
  readonly className?: string;
}

/**
 * Unstyled but for its layout: style it by `data-status`, `.tidemark-age` and `.tidemark-reason`. Live
 * rows say so and no age; others say since when they are known to be complete, and why.
 */
export function FreshnessBadge({
  view,
  clockOffsetMs = 0,
  className = "tidemark-badge",
}: FreshnessBadgeProps): ReactElement {
  const { status, asOf, reason, isPartial } = view;
  const now = useNow() + clockOffsetMs;
  const isOld = status === "stale" || status === "catching_up";
  return (
    <span
      className={className}
      data-status={status}
      role="status"
      title={asOf === undefined ? reason : `as of ${new Date(asOf).toLocaleString()}`}
    >
      <span aria-hidden="true">{SHAPES[status]}</span> {WORDS[status]}
      {isPartial && status === "live" && " (partial)"}
      {isOld && asOf !== undefined && <span className="tidemark-age"> {ageText(now - asOf)}</span>}
      {reason !== undefined && status !== "live" && (
        <span className="tidemark-reason"> {reason}</span>
      )}
    </span>
  );
}

function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.round(ageMs / 1_000));
  if (seconds < 60) return `${seconds} s old`;
  return seconds < 3_600
    ? `${Math.floor(seconds / 60)} min old`
    : `${Math.floor(seconds / 3_600)} h old`;
}
