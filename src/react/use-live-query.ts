/** React bindings: thin readings of the client's external stores. Nothing lives here. */
import { useMemo, useSyncExternalStore } from "react";
import type { ClientChannels, ConnectionSnapshot, TidemarkClient } from "../client/client.ts";
import type { LiveView } from "../client/page/page-views.ts";
import type { ViewSnapshot } from "../client/page/live-view.ts";
import type { Query } from "../protocol/user-query.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import type { RowOf } from "../protocol/typed-channel.ts";

/**
 * The rows of a query, live. The component renders again when a turn changed them, when their
 * status changed, and about once a second as `asOf` moves. Equal queries share one subscription,
 * so the query may be written inline.
 */
export function useLiveQuery<
  C extends ClientChannels,
  N extends keyof C & string,
  M extends MutationTree = MutationTree,
>(
  client: TidemarkClient<C, M>,
  query: Query<RowOf<C[N]>> & { readonly channel: N },
): ViewSnapshot<RowOf<C[N]>> {
  const id = JSON.stringify(query);
  // Only the query's content matters, not which object carries it.
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  const view: LiveView<RowOf<C[N]>> = useMemo(() => client.live<N>(query), [client, id]);
  return useSyncExternalStore(view.subscribe, view.getSnapshot, view.getSnapshot);
}

/** The connection: state, position, latency and rates; renders about once a second. */
export function useConnection<C extends ClientChannels, M extends MutationTree>(
  client: TidemarkClient<C, M>,
): ConnectionSnapshot {
  const { subscribe, getSnapshot } = client.connection;
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}
