/**
 * The stream engine as a Web Worker: `client.ts` starts it and falls back to its own thread where
 * none may run.
 */
import type { ToEngine, ToPage } from "./port.ts";
import { StreamEngine } from "./stream/stream-engine.ts";
import type { WebSocketConstructor } from "./connection/websocket-like.ts";

/** The part of a dedicated worker's scope that is used; the project's types are a page's. */
interface WorkerScope {
  onmessage: ((event: { readonly data: ToEngine }) => void) | null;
  postMessage(message: ToPage): void;
  readonly WebSocket: WebSocketConstructor;
}

const scope = globalThis as unknown as WorkerScope;
const post: (message: ToPage) => void = scope.postMessage.bind(scope);
const engine = new StreamEngine({
  post,
  WebSocket: scope.WebSocket,
  fetch: (url, init) => fetch(url, init),
});
scope.onmessage = ({ data }) => engine.handle(data);
post({ kind: "running" });
