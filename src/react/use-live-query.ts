/**
 * The hooks for queries and the connection: each is a `useSyncExternalStore` over a store of the
 * client.
 */
import { useMemo, useSyncExternalStore } from "react";
import { systemClock } from "../std/clock.ts";
import { TidemarkError, type ErrorCode } from "../std/errors.ts";
import type { AnyChannels, ClientChannels, QueryOf, TidemarkClient } from "../client/client.ts";
import type { LiveView } from "../client/page/page-views.ts";
import type { ConnectionStats, ViewError } from "../client/port.ts";
import type { Row } from "../protocol/row.ts";
import type { RowOf } from "../protocol/typed-channel.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import { useTidemarkClient, type ClientOption } from "./client-context.tsx";
import {
  freshnessOf,
  isSameFreshness,
  isSameResult,
  resultOf,
  type Freshness,
  type LiveQueryResult,
} from "../client/page/query-result.ts";
import { useView, type Pace, type Reader, type ReadView } from "./use-store.ts";
import { MOUNT_MS_MAX } from "./limits.ts";

export interface LiveQueryOptions<
  C extends ClientChannels,
  M extends MutationTree,
  R,
  T,
> extends ClientOption<C, M> {
  /**
   * Selects the part of the result that the component needs; the component renders when that part
   * changes. Default: the whole result.
   */
  readonly select?: (result: LiveQueryResult<R>) => T;
  /** Whether two selected values are the same. Default `Object.is`. */
  readonly isEqual?: (left: T, right: T) => boolean;
  /**
   * When the component renders because rows have changed: `paintsPerSecond(15)` for a list that
   * changes more often than someone can read it. Make it once, outside of components. Default: with
   * each commit, all components together.
   */
  readonly pace?: Pace | undefined;
}

const RESULT: Reader<LiveQueryResult> = { read: resultOf, isSame: isSameResult };
const FRESHNESS: Reader<Freshness> = { read: freshnessOf, isSame: isSameFreshness };
const pausedOf = ({ paused }: Freshness): Freshness["paused"] => paused;
const whole = (value: unknown): unknown => value;

/** Whether a component waits, renders, or throws. */
const gateOf = ({ status, error }: LiveQueryResult): "loading" | ViewError | undefined =>
  status === "loading" ? "loading" : status === "refused" ? (error ?? REFUSED) : undefined;
const REFUSED: ViewError = { code: "INTERNAL", message: "The server refused the query." };

/**
 * The rows of a query, live. The component renders when a row, the order or the status changed, and
 * not because `asOf` moved: `useFreshness` has that. Equal queries share one subscription, so the
 * query may be written inline. Without a query (`undefined`, `null`) nothing is subscribed to and
 * the status is `idle`.
 */
export function useLiveQuery<
  N extends keyof C & string,
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
  T = LiveQueryResult<RowOf<C[N]>>,
>(
  query: QueryOf<C, N> | null | undefined,
  { client, select, isEqual = Object.is, pace }: LiveQueryOptions<C, M, RowOf<C[N]>, T> = {},
): NoInfer<T> {
  const view = usePaced(useLiveView(useTidemarkClient(client), query), pace);
  return useView(view, RESULT, (select ?? whole) as (result: LiveQueryResult) => T, isEqual);
}

/**
 * `useLiveQuery` for a component below `<Suspense>`: it waits there for the first rows, and throws
 * the server's refusal, of the query or of the connection, to the error boundary. A server renders
 * the boundary's fallback.
 */
export function useSuspenseLiveQuery<
  N extends keyof C & string,
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
  T = LiveQueryResult<RowOf<C[N]>>,
>(
  query: QueryOf<C, N>,
  { client: own, select, isEqual = Object.is, pace }: LiveQueryOptions<C, M, RowOf<C[N]>, T> = {},
): NoInfer<T> {
  const client = useTidemarkClient(own);
  const view = useLiveView(client, query);
  const gate = useView(view, RESULT, gateOf, Object.is);
  const paced = usePaced(view, pace);
  const value = useView(
    paced,
    RESULT,
    (select ?? whole) as (result: LiveQueryResult) => T,
    isEqual,
  );
  if (gate === undefined || view === undefined) return value;
  if (gate !== "loading") throw new TidemarkError(gate.code as ErrorCode, gate.message);
  if (typeof window === "undefined")
    throw new TidemarkError("NOT_READY", "Live rows are loaded in the browser.");
  const { state } = client.connection.getSnapshot();
  if (state.kind === "refused") throw new TidemarkError(state.code, state.reason);
  throw firstRows(client as unknown as TidemarkClient, view);
}

/**
 * How fresh a query's rows are: status, reason, `asOf`. Renders about once a second, so use it
 * where that is shown.
 */
export function useFreshness<
  N extends keyof C & string,
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
>(query: QueryOf<C, N> | null | undefined, { client }: ClientOption<C, M> = {}): Freshness {
  const view = useLiveView(useTidemarkClient(client), query);
  return useView(view, FRESHNESS, whole as (value: Freshness) => Freshness, Object.is);
}

/** What a component needs to let a query's rows stand still, and to show how many wait. */
export interface Pause {
  readonly isPaused: boolean;
  /** Rows that have entered, changed or left since the pause. */
  readonly waiting: number;
  /** There may be more: the server waits, too. */
  readonly isMore: boolean;
  readonly pause: () => void;
  readonly resume: () => void;
}

/**
 * Pauses a query on this page, for all components that show it: `useLiveQuery` keeps the rows that
 * it has until `resume`. Renders while rows wait, so use it where their number is shown.
 */
export function usePause<
  N extends keyof C & string,
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
>(query: QueryOf<C, N> | null | undefined, { client }: ClientOption<C, M> = {}): Pause {
  const view = useLiveView(useTidemarkClient(client), query);
  const paused = useView(view, FRESHNESS, pausedOf, Object.is);
  return useMemo(
    () => ({
      isPaused: paused !== undefined,
      waiting: paused?.waiting ?? 0,
      isMore: paused?.isMore ?? false,
      pause: () => void view?.pause(),
      resume: () => view?.resume(),
    }),
    [view, paused],
  );
}

/** The connection's state, latency and rates; renders about once a second. */
export function useConnection<
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
>({ client }: ClientOption<C, M> = {}): ConnectionStats {
  const { subscribe, getSnapshot } = useTidemarkClient(client).connection;
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}

function useLiveView<N extends keyof C & string, C extends ClientChannels, M extends MutationTree>(
  client: TidemarkClient<C, M>,
  query: QueryOf<C, N> | null | undefined,
): LiveView<Row> | undefined {
  const id = JSON.stringify(query ?? null);
  return useMemo(
    () => (query == null ? undefined : (client.live<N>(query) as unknown as LiveView<Row>)),
    // The query's content matters, not which object carries it.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
    [client, id],
  );
}

function usePaced(view: LiveView<Row> | undefined, pace: Pace | undefined): ReadView | undefined {
  return useMemo(() => view && (pace?.(view) ?? view), [view, pace]);
}

/** The promises that components wait for, by client and query. Each is removed when it settles. */
const waiting = new WeakMap<TidemarkClient, Map<string, Promise<void>>>();

/**
 * Resolves when the view has its first rows, or when the query or the connection is refused. The
 * view stays subscribed to until its component can have mounted: React may show a boundary long
 * after it has rendered it.
 */
function firstRows(client: TidemarkClient, view: LiveView<Row>): Promise<void> {
  const own = waiting.get(client) ?? new Map<string, Promise<void>>();
  waiting.set(client, own);
  const id = JSON.stringify(view.query);
  const known = own.get(id);
  if (known !== undefined) return known;
  const first = new Promise<void>((resolve) => {
    const { connection } = client;
    const look = (): void => {
      const isRefused = connection.getSnapshot().state.kind === "refused";
      if (view.getSnapshot().status === "loading" && !isRefused) return;
      if (!own.delete(id)) return;
      stopConnection();
      systemClock.after(MOUNT_MS_MAX, stopView);
      resolve();
    };
    const stopConnection = connection.subscribe(look);
    const stopView = view.subscribe(look);
  });
  own.set(id, first);
  return first;
}
