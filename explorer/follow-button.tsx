/** Pauses the grid, or shows what came meanwhile; says how many rows wait. */
import { useEffect, type ReactElement } from "react";
import { formatCompact } from "../examples/review/ui/format.ts";
import type { Follow } from "./use-follow.ts";

export function FollowButton({
  follow: { isFollowing, newCount, toggle },
  isNewestFirst,
}: {
  readonly follow: Follow;
  readonly isNewestFirst: boolean;
}): ReactElement {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== "p" || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement)
        return;
      toggle();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [toggle]);
  return (
    <button
      type="button"
      className="follow"
      aria-pressed={isFollowing}
      title={
        isFollowing
          ? "New rows appear as they come. Press P to pause"
          : "New rows wait; those shown stay live. Press P to show them"
      }
      onClick={toggle}
    >
      {isFollowing ? "Pause" : isNewestFirst ? "Follow newest" : "Resume"}
      <span className="new-count number">
        {isFollowing ? "following" : newCount === 0 ? "paused" : `${formatCompact(newCount)} new`}
      </span>
    </button>
  );
}
