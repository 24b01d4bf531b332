/** The door `tidemark/client` under Node, where the WebSocket comes from `ws` unless one is passed. */
import { WebSocket } from "ws";
import type { Row } from "../protocol/row.ts";
import type { TypedChannel } from "../protocol/typed-channel.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import { TidemarkClient, type ClientChannels } from "./client.ts";
import type { ClientOptions, OptimisticOption } from "./client-options.ts";
import { PageWrites } from "./writes/page-writes.ts";
import { StreamEngine } from "./stream/stream-engine.ts";
import type { WebSocketConstructor } from "./connection/websocket-like.ts";

export * from "./index.ts";

/** As in browsers; see `tidemark/client`. */
export function createClient<
  C extends ClientChannels = Record<string, TypedChannel<Row>>,
  M extends MutationTree = MutationTree,
>(options: ClientOptions & OptimisticOption<NoInfer<M>>): TidemarkClient<C, M> {
  return new TidemarkClient<C, M>({
    WebSocket: WebSocket as unknown as WebSocketConstructor,
    engine: () => (parts) => new StreamEngine(parts),
    writes: () => (own) => new PageWrites(own),
    ...options,
  });
}
