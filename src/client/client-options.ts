/** How a client is made. */
import type { Clock } from "../std/clock.ts";
import type { Random } from "../std/random.ts";
import type { Backoff } from "./connection-state.ts";
import type { DetailLimits } from "./page/details.ts";
import type { LoadEngine, WorkerLike } from "./page/host.ts";
import type { Fetch } from "./connection/http-scheduler.ts";
import type { Pacing } from "./page/pacing.ts";
import type { LoadWrites } from "./writes/lazy-writes.ts";
import type { Optimistic } from "./writes/page-writes.ts";
import type { CarrierName } from "./port.ts";
import type { WebSocketConstructor } from "./connection/websocket-like.ts";

/** What mutations of these types are expected to do to rows, shown until the server's rows hold it. */
export interface OptimisticOption<M> {
  readonly optimistic?: Optimistic<M>;
}

export interface ClientOptions {
  /** The stream's address, `ws://…/v2/stream`; `http:` and `https:` are taken as `ws:` and `wss:`. */
  readonly url: string;
  /** Sent in IDENTIFY and RESUME, asked for anew on each connection. */
  readonly auth?: unknown | (() => unknown);
  /** Rows of one view; a larger view is asked for again with this limit and says partial. Default 200,000. */
  readonly rowsMax?: number;
  /** How long a view without listeners is kept. Default 5,000. */
  readonly lingerMs?: number;
  readonly backoff?: Partial<Backoff>;
  /** What may carry the stream, best first. Default: `websocket`, `sse`, `long-poll`, `poll`. */
  readonly carriers?: readonly CarrierName[];
  /** Failed attempts in a row after which the next carrier is tried. Default 5; at once where HTTP works and this does not. */
  readonly attemptsMax?: number;
  /** How often, on a fallback, the best carrier is tried again. Default 60,000. */
  readonly climbMs?: number;
  /** Between plain polls. Default 2,000. */
  readonly pollMs?: number;
  /**
   * Run the stream in a Web Worker. Default: where there is one. Pass a function to create it yourself,
   * where a bundler does not find it, from `tidemark/client/worker`.
   */
  readonly worker?: boolean | (() => WorkerLike);
  readonly details?: Partial<DetailLimits>;
  /** For HTTP requests that the client makes besides the stream. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Default: with animation frames where there are any. */
  readonly pacing?: Pacing;
  /** How the part that writes comes into this page. Default: loaded when `optimistic` is given, or with the first write. */
  readonly writes?: LoadWrites;
  /** Default: the platform's. These four keep the engine in this thread. */
  readonly WebSocket?: WebSocketConstructor;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
  readonly random?: Random;
  /** How the engine comes into this thread. Default: loaded when no worker runs. */
  readonly engine?: LoadEngine;
}
