/**
 * The entry point `tidemark/client` under Node, where the WebSocket comes from `ws` unless one is
 * passed.
 */
import { WebSocket } from "ws";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import { TidemarkClient, type AnyChannels, type ClientChannels } from "./client.ts";
import type { ClientOptions, OptimisticOption } from "./client-options.ts";
import { ReplayClient, type ReplayOptions } from "./replay.ts";
import { PageWrites } from "./writes/page-writes.ts";
import { StreamEngine } from "./stream/stream-engine.ts";
import type { WebSocketConstructor } from "./connection/websocket-like.ts";

export * from "./index.ts";

/** As in browsers; see `tidemark/client`. */
export function createReplay<C extends ClientChannels = AnyChannels>(
  options: ReplayOptions,
): ReplayClient<C> {
  return new ReplayClient<C>({
    WebSocket: WebSocket as unknown as WebSocketConstructor,
    engine: () => (parts) => new StreamEngine(parts),
    writes: () => (own) => new PageWrites(own),
    ...options,
  });
}

/** As in browsers; see `tidemark/client`. */
export function createClient<
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
>(options: ClientOptions & OptimisticOption<NoInfer<M>>): TidemarkClient<C, M> {
  return new TidemarkClient<C, M>({
    WebSocket: WebSocket as unknown as WebSocketConstructor,
    engine: () => (parts) => new StreamEngine(parts),
    writes: () => (own) => new PageWrites(own),
    ...options,
  });
}
