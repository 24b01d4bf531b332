/** Where the dashboard's routes stand, for the server and for the page. */
export const PATHS = {
  base: "/dashboard",
  snapshot: "/snapshot-v2",
  stream: "/stream-v2",
} as const;

/** Of the older architecture, which stands here for comparison. */
export const OLDER_PATHS = {
  snapshot: "/dashboard/snapshot",
  stream: "/dashboard/stream",
} as const;
