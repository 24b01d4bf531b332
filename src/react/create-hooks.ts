/**
 * The hooks with the types of one client: the functions that the package exports, unchanged.
 */
import type { ReactElement } from "react";
import type { ClientChannels, QueryOf, TidemarkClient } from "../client/client.ts";
import type { ConnectionStats } from "../client/port.ts";
import type { PendingWrite } from "../client/writes/pending-writes.ts";
import type { RowOf } from "../protocol/typed-channel.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import {
  TidemarkProvider,
  useTidemarkClient,
  type ClientOption,
  type TidemarkProviderProps,
} from "./client-context.tsx";
import type { Freshness, LiveQueryResult } from "../client/page/query-result.ts";
import { usePendingWrites } from "./use-live-mutation.ts";
import {
  useConnection,
  useFreshness,
  useLiveQuery,
  usePause,
  useSuspenseLiveQuery,
  type LiveQueryOptions,
  type Pause,
} from "./use-live-query.ts";

export interface Hooks<C extends ClientChannels, M extends MutationTree> {
  TidemarkProvider(props: TidemarkProviderProps<C, M>): ReactElement;
  useTidemarkClient(): TidemarkClient<C, M>;
  useLiveQuery<N extends keyof C & string, T = LiveQueryResult<RowOf<C[N]>>>(
    query: QueryOf<C, N> | null | undefined,
    options?: LiveQueryOptions<C, M, RowOf<C[N]>, T>,
  ): NoInfer<T>;
  useSuspenseLiveQuery<N extends keyof C & string, T = LiveQueryResult<RowOf<C[N]>>>(
    query: QueryOf<C, N>,
    options?: LiveQueryOptions<C, M, RowOf<C[N]>, T>,
  ): NoInfer<T>;
  useFreshness<N extends keyof C & string>(
    query: QueryOf<C, N> | null | undefined,
    options?: ClientOption<C, M>,
  ): Freshness;
  usePause<N extends keyof C & string>(
    query: QueryOf<C, N> | null | undefined,
    options?: ClientOption<C, M>,
  ): Pause;
  useConnection(options?: ClientOption<C, M>): ConnectionStats;
  usePendingWrites(options?: ClientOption<C, M>): readonly PendingWrite[];
}

const HOOKS = {
  TidemarkProvider,
  useTidemarkClient,
  useLiveQuery,
  useSuspenseLiveQuery,
  useFreshness,
  usePause,
  useConnection,
  usePendingWrites,
};

/**
 * Once per application, in a file of its own:
 * `export const { TidemarkProvider, useLiveQuery } = createHooks<typeof channels, typeof
 * mutations>();`
 */
export function createHooks<
  C extends ClientChannels,
  M extends MutationTree = MutationTree,
>(): Hooks<C, M> {
  return HOOKS as unknown as Hooks<C, M>;
}
