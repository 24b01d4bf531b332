/** The door `tidemark/react`. */
export { TidemarkDevtools } from "./devtools.tsx";
export type { DevtoolsProps } from "./devtools.tsx";
export { FreshnessBadge } from "./freshness-badge.tsx";
export type { FreshnessBadgeProps } from "./freshness-badge.tsx";
export { useLiveMutation, usePendingWrites } from "./use-live-mutation.ts";
export type { LiveMutation } from "./use-live-mutation.ts";
export { useConnection, useLiveQuery } from "./use-live-query.ts";
export type { ConnectionSnapshot } from "../client/client.ts";
export type { ViewSnapshot } from "../client/page/live-view.ts";
export type { PendingWrite } from "../client/writes/pending-writes.ts";
