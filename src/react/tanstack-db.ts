/**
 * The entry point `tidemark/tanstack-db`: a channel, or a query of it, as a collection. The stream
 * writes the server's rows to the collection; a handler's write ends when the page's own rows hold
 * it.
 */
import type {
  CollectionConfig,
  DeleteMutationFnParams,
  InsertMutationFnParams,
  SyncConfig,
  UpdateMutationFnParams,
} from "@tanstack/db";
import type { ClientChannels, QueryOf, TidemarkClient } from "../client/client.ts";
import type { RowChanges } from "../client/port.ts";
import type { Query } from "../protocol/user-query.ts";
import { keyOf, type Row } from "../protocol/row.ts";
import type { RowOf } from "../protocol/typed-channel.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";

export interface TidemarkCollectionOptions<
  C extends ClientChannels,
  M extends MutationTree,
  N extends keyof C & string,
> {
  readonly client: TidemarkClient<C, M>;
  /** `orderBy` and `limit` choose rows; the collection itself keeps no order. */
  readonly query: QueryOf<C, N>;
  readonly getKey: (row: RowOf<C[N]>) => string;
  readonly id?: string;
  /**
   * Await the write in each: `onUpdate: ({ transaction }) => client.mutate.…`, or `client.write`
   * for an endpoint of yours.
   */
  readonly onInsert?: (
    params: InsertMutationFnParams<RowOf<C[N]> & object, string>,
  ) => Promise<unknown>;
  readonly onUpdate?: (
    params: UpdateMutationFnParams<RowOf<C[N]> & object, string>,
  ) => Promise<unknown>;
  readonly onDelete?: (
    params: DeleteMutationFnParams<RowOf<C[N]> & object, string>,
  ) => Promise<unknown>;
}

/**
 * Options for `createCollection`. Declare no `optimistic` function on the client for a
 * collection's mutations: the library shows its own changes. While one of its transactions
 * persists, the library delays the stream's changes to the collection; views by `client.live` are
 * not delayed.
 */
export function tidemarkCollectionOptions<
  C extends ClientChannels,
  M extends MutationTree,
  N extends keyof C & string,
>({
  client,
  query,
  getKey,
  id,
  ...handlers
}: TidemarkCollectionOptions<C, M, N>): CollectionConfig<RowOf<C[N]> & object, string> {
  type R = RowOf<C[N]> & object;
  return {
    id: id ?? `tidemark ${JSON.stringify(query)}`,
    getKey: getKey as (row: R) => string,
    ...(handlers as object),
    sync: {
      rowUpdateMode: "full",
      sync: (params) =>
        follow(
          client as unknown as TidemarkClient,
          query as unknown as Query & { channel: string },
          params as never,
        ),
    } satisfies SyncConfig<R, string>,
  };
}

interface Sync {
  begin(): void;
  write(
    message: { type: "insert" | "update"; value: object } | { type: "delete"; key: string },
  ): void;
  commit(): unknown;
  markReady(): void;
  markError(error?: unknown): void;
}

function follow(
  client: TidemarkClient,
  query: Query & { channel: string },
  {
    collection,
    begin,
    write,
    commit,
    markReady,
    markError,
  }: Sync & { collection: { getKeyFromItem(row: object): string } },
): () => void {
  const view = client.live(query);
  /** Rows by the channel's key: the collection's key may be another. */
  const keys = new Map<string, string>();
  const take = ({ upserts, removes }: RowChanges): void => {
    const columns = view.getSnapshot().key;
    begin();
    for (const row of upserts) {
      const own = keyOf(row, columns) ?? "";
      const type = keys.has(own) ? "update" : "insert";
      keys.set(own, collection.getKeyFromItem(row));
      write({ type, value: row as Row & object });
    }
    for (const own of removes) {
      const key = keys.get(own);
      if (key !== undefined) write({ type: "delete", key });
      keys.delete(own);
    }
    commit();
  };
  let isReady = false;
  const look = (): void => {
    const { status, error } = view.getSnapshot();
    if (isReady) return;
    if (status === "refused") markError(error === undefined ? undefined : new Error(error.message));
    else if (status !== "loading") {
      isReady = true;
      markReady();
    }
  };
  // The rows are written before `markReady`, so that its listeners find them.
  const stops = [view.subscribeChanges(take), view.subscribe(look)];
  look();
  return () => {
    for (const stop of stops) stop();
  };
}
