/** Pauses the grid, or shows what came meanwhile; says how many rows wait, or as of when they are. */
import type { ReactElement } from "react";
import { formatClock, formatCompact } from "../examples/ui/format.ts";
import type { Follow } from "./use-follow.ts";
import { useKey } from "./use-key.ts";

export function FollowButton({
  follow: { isFollowing, isStill, newCount, toggle, togglePause },
  isNewestFirst,
  asOf,
}: {
  readonly follow: Follow;
  readonly isNewestFirst: boolean;
  /** The moment of the rows, in Unix milliseconds. */
  readonly asOf: number | undefined;
}): ReactElement {
  useKey("p", togglePause);
  return (
    <button
      type="button"
      className="follow"
      aria-pressed={isFollowing}
      title={
        isFollowing
          ? "New rows appear as they come. Press P to pause"
          : isStill
            ? "The rows stand still. Press P to go on with the newest rows"
            : "New rows wait; those shown stay live"
      }
      onClick={toggle}
    >
      {isFollowing ? "Pause" : isNewestFirst && !isStill ? "Follow newest" : "Resume"}
      <span className="new-count number">
        {isFollowing
          ? "following"
          : isStill && asOf !== undefined
            ? `as of ${formatClock(asOf)}`
            : newCount === 0
              ? "paused"
              : `${formatCompact(newCount)} new`}
      </span>
    </button>
  );
}
