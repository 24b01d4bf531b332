/**
 * The entry point `tidemark/tanstack-query`: live views as entries of the query cache. An entry is
 * filled once, then follows the stream; it is fetched again only while the stream is not live.
 */
import {
  keepPreviousData,
  type QueryCacheNotifyEvent,
  type QueryClient,
  type QueryKey,
  type UseQueryOptions,
} from "@tanstack/react-query";
import { TidemarkError, type ErrorCode } from "../std/errors.ts";
import type { ClientChannels, QueryOf, TidemarkClient } from "../client/client.ts";
import type { LiveView } from "../client/page/page-views.ts";
import type { ViewSnapshot } from "../client/page/live-view.ts";
import type { Query } from "../protocol/user-query.ts";
import type { Row } from "../protocol/row.ts";
import type { RowOf } from "../protocol/typed-channel.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import { ENTRY_UNUSED_MS, REFETCH_MS } from "./limits.ts";

export interface LiveQueryOptions<R, D> {
  /**
   * Makes the entry's data from the rows, such as `(rows, data) => ({ ...data, results: rows })`.
   * Default: the rows.
   */
  readonly toData?: (rows: readonly R[], data: D | undefined) => D;
  /** Default: `["tidemark", query]`. */
  readonly queryKey?: QueryKey;
  /**
   * How long an entry without observers and its subscription are kept, in milliseconds. Default
   * 600,000 (10 minutes).
   */
  readonly gcTime?: number;
}

/** Options for `useQuery`, `prefetchQuery` and the like. */
export type LiveQuery<D> = UseQueryOptions<D, Error, D, QueryKey> & { queryKey: QueryKey };

type AnyQuery = NonNullable<ReturnType<ReturnType<QueryClient["getQueryCache"]>["get"]>>;

/** The subscription of each cache entry, removed together with the entry. */
const followed = new WeakMap<AnyQuery, Followed>();

interface Followed {
  readonly view: LiveView<Row>;
  readonly isLive: () => boolean;
  /** The rows that the entry holds. */
  told: readonly Row[] | undefined;
}

/**
 * Options for `useQuery`, `prefetchQuery` and the like. While live the entry is never stale, and
 * focus or reconnect fetch nothing; pending writes are part of the rows.
 */
export function liveQueryOptions<
  C extends ClientChannels,
  M extends MutationTree,
  N extends keyof C & string,
  D = readonly RowOf<C[N]>[],
>(
  client: TidemarkClient<C, M>,
  query: QueryOf<C, N>,
  {
    toData,
    queryKey = ["tidemark", query],
    gcTime = ENTRY_UNUSED_MS,
  }: LiveQueryOptions<RowOf<C[N]>, D> = {},
): LiveQuery<NoInfer<D>> {
  const shape = (rows: readonly Row[], entry: D | undefined): D =>
    toData === undefined
      ? (rows as unknown as D)
      : toData(rows as unknown as readonly RowOf<C[N]>[], entry);
  const isLive = (entry: unknown): boolean => followed.get(entry as AnyQuery)?.isLive() === true;
  return {
    queryKey,
    gcTime,
    staleTime: (entry) => (isLive(entry) ? Number.POSITIVE_INFINITY : 0),
    refetchOnWindowFocus: (entry) => !isLive(entry),
    refetchOnReconnect: (entry) => !isLive(entry),
    refetchInterval: (entry) =>
      followed.has(entry as unknown as AnyQuery) && !isLive(entry) ? REFETCH_MS : false,
    structuralSharing: false,
    placeholderData: keepPreviousData as never,
    queryFn: async ({ client: cache, signal }) => {
      const entry = cache.getQueryCache().find({ queryKey, exact: true }) as AnyQuery | undefined;
      if (entry === undefined)
        throw new TidemarkError("INTERNAL", "The cache has no entry for its own query.");
      const own = follow(
        client as unknown as TidemarkClient,
        cache,
        entry,
        query as unknown as Query & { channel: string },
        shape as (rows: readonly Row[], entry: unknown) => unknown,
      );
      const snapshot = await firstOf(client as unknown as TidemarkClient, own.view, signal);
      if (snapshot?.status === "refused")
        throw new TidemarkError(
          (snapshot.error?.code ?? "INTERNAL") as ErrorCode,
          snapshot.error?.message ?? "The server refused the query.",
        );
      const fetched =
        snapshot === undefined
          ? ((await client.fetch<N>(query, { signal })).rows as unknown as readonly Row[])
          : snapshot.rows;
      // If the stream has come back meanwhile, its rows are newer than the answer.
      own.told = own.isLive() ? own.view.getSnapshot().rows : fetched;
      return shape(own.told, cache.getQueryData<D>(queryKey));
    },
  };
}

/** Subscribes once per entry; the entry's removal ends it. */
function follow(
  client: TidemarkClient,
  cache: QueryClient,
  entry: AnyQuery,
  query: Query & { channel: string },
  shape: (rows: readonly Row[], entry: unknown) => unknown,
): Followed {
  const known = followed.get(entry);
  if (known !== undefined) return known;
  const view = client.live(query);
  const isLive = (): boolean => {
    const { status } = view.getSnapshot();
    return status === "live" || status === "catching_up";
  };
  const own: Followed = { view, isLive, told: undefined };
  followed.set(entry, own);
  let wasLive = false;
  let shown: readonly Row[] | undefined;
  const push = (): void => {
    const { rows, status } = view.getSnapshot();
    if (isLive() !== wasLive) {
      wasLive = !wasLive;
      // Observers check again whether the entry is stale, and when to fetch.
      entry.setState({ ...entry.state });
    }
    if (status === "loading" || status === "refused") return;
    // While the stream is down, fetched rows may be newer than the view's: only the page's own
    // writes are new.
    const isNews =
      shown === undefined ||
      shown.length !== rows.length ||
      rows.some((row, index) => row !== shown?.[index]);
    shown = rows;
    if (status === "stale" && !isNews) return;
    // The first rows are the answer to the fetch that started the subscription.
    if (entry.state.data === undefined && entry.state.fetchStatus === "fetching") return;
    const { told } = own;
    if (
      told !== undefined &&
      told.length === rows.length &&
      rows.every((row, index) => row === told[index])
    )
      return;
    own.told = rows;
    cache.setQueryData(entry.queryKey, shape(rows, entry.state.data));
  };
  const stop = view.subscribe(push);
  const stopWatching = cache.getQueryCache().subscribe((event: QueryCacheNotifyEvent) => {
    if (event.type !== "removed" || event.query !== entry) return;
    stopWatching();
    stop();
    followed.delete(entry);
  });
  return own;
}

/**
 * The view's snapshot as soon as it is loaded or refused; undefined when the stream does not
 * connect and HTTP is used instead.
 */
function firstOf(
  client: TidemarkClient,
  view: LiveView<Row>,
  signal: AbortSignal,
): Promise<ViewSnapshot<Row> | undefined> {
  return new Promise((resolve, reject) => {
    const stops: (() => void)[] = [];
    const end = (settle: () => void): void => {
      for (const stop of stops.splice(0)) stop();
      settle();
    };
    const look = (): void => {
      const snapshot = view.getSnapshot();
      const { kind } = client.connection.getSnapshot().state;
      if (
        snapshot.status === "live" ||
        snapshot.status === "catching_up" ||
        snapshot.status === "refused"
      )
        end(() => resolve(snapshot));
      else if (
        snapshot.status === "stale" ||
        kind === "waiting" ||
        kind === "refused" ||
        kind === "stopped"
      )
        end(() => resolve(undefined));
    };
    stops.push(view.subscribe(look), client.connection.subscribe(look));
    signal.addEventListener("abort", () => end(() => reject(signal.reason as Error)), {
      once: true,
    });
    look();
  });
}

/**
 * Options for `useMutation`: `liveMutationOptions(client.mutate.reviews.setStatus)`, or for an
 * endpoint of your own `liveMutationOptions((input) => client.write({ run: () => post(input),
 * optimistic: … }))`. Optimistic rows are removed in the commit in which the page's own rows hold
 * the write.
 */
export function liveMutationOptions<A, V>(
  write: (variables: V) => Promise<A>,
): {
  readonly mutationFn: (variables: V) => Promise<A>;
  readonly networkMode: "always";
} {
  return {
    // The library passes more arguments, which are not options of a mutation.
    mutationFn: (variables) => write(variables),
    // The client itself keeps offline writes and shows them as pending, so the cache must not pause
    // them.
    networkMode: "always",
  };
}
