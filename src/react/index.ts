"use client";
/** The entry point `tidemark/react`. */
export { TidemarkProvider, useTidemarkClient } from "./client-context.tsx";
export type { ClientOption, TidemarkProviderProps } from "./client-context.tsx";
export { createHooks } from "./create-hooks.ts";
export type { Hooks } from "./create-hooks.ts";
export { TidemarkDevtools } from "./devtools.tsx";
export type { TidemarkDevtoolsProps } from "./devtools.tsx";
export { FreshnessBadge } from "./freshness-badge.tsx";
export type { FreshnessBadgeProps } from "./freshness-badge.tsx";
export type { Freshness, LiveQueryResult, LiveQueryStatus } from "../client/page/query-result.ts";
export { paintsPerSecond } from "./paints-per-second.ts";
export { useLiveMutation, usePendingWrites } from "./use-live-mutation.ts";
export type { LiveMutation, LiveMutationOptions } from "./use-live-mutation.ts";
export {
  useConnection,
  useFreshness,
  useLiveQuery,
  usePause,
  useSuspenseLiveQuery,
} from "./use-live-query.ts";
export type { LiveQueryOptions, Pause } from "./use-live-query.ts";
export type { Pace, ReadView } from "./use-store.ts";
