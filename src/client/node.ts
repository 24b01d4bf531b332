/** The door `tidemark/client` under Node, where the WebSocket comes from `ws` unless one is passed. */
import { WebSocket } from "ws";
import type { Row } from "../protocol/row.ts";
import type { TypedChannel } from "../protocol/typed-channel.ts";
import { TidemarkClient, type ClientChannels, type ClientOptions } from "./client.ts";
import { StreamEngine } from "./stream-engine.ts";
import type { WebSocketConstructor } from "./websocket-like.ts";

export * from "./index.ts";

/** As in browsers; see `tidemark/client`. */
export function createClient<C extends ClientChannels = Record<string, TypedChannel<Row>>>(options: ClientOptions): TidemarkClient<C> {
  return new TidemarkClient<C>({ WebSocket: WebSocket as unknown as WebSocketConstructor, engine: () => (parts) => new StreamEngine(parts), ...options });
}
