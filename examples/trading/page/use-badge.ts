/** What a widget's badge says: the status of its view, or that the page is rewound. */
import type { BadgeStatus } from "../../ui/badge.tsx";
import { useIsRewound } from "./rewound.ts";

interface BadgeProps {
  readonly status: BadgeStatus;
  readonly reason: string | undefined;
}

export function useBadge({
  status,
  reason,
}: {
  readonly status: BadgeStatus;
  readonly reason: string | undefined;
}): BadgeProps {
  const isRewound = useIsRewound();
  // The widget waits for what it needs to ask.
  if (status === "idle") return { status: "loading", reason };
  return isRewound && status !== "loading" && status !== "refused"
    ? { status: "rewound", reason: undefined }
    : { status, reason };
}
