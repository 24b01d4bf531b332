/** The options of a client, and the platform's parts and defaults for those that are left out. */
import type { Paths } from "../protocol/paths.ts";
import type { Clock } from "../std/clock.ts";
import { atLeast, limitsOf } from "../std/limits.ts";
import type { Random } from "../std/random.ts";
import type { Fetch } from "./connection/http-scheduler.ts";
import type { WebSocketConstructor } from "./connection/websocket-like.ts";
import { BACKOFF, type Backoff } from "./backoff.ts";
import { CLIENT_LIMITS, type ClientLimits } from "./limits.ts";
import type { LoadEngine, WorkerLike } from "./page/host.ts";
import type { Pacing } from "./page/pacing.ts";
import type { OnReport } from "./page/telemetry.ts";
import type { CarrierName, EngineConfig, ReplayConfig } from "./port.ts";
import type { EngineParts } from "./stream/stream-engine.ts";
import type { LoadWrites } from "./writes/lazy-writes.ts";
import type { Optimistic } from "./writes/page-writes.ts";

/**
 * What mutations of these types are expected to do to rows, shown until the server's rows hold it.
 */
export interface OptimisticOption<M> {
  readonly optimistic?: Optimistic<M>;
}

/** At 0, no view would load, no connection would open, or no rows would be live. */
const POSITIVE = atLeast<ClientLimits>(1, "viewRowsMax", "handshakeMs", "quietMs");

const CARRIERS: readonly CarrierName[] = ["websocket", "sse", "long-poll", "poll"];

export interface ClientOptions {
  /**
   * The stream's address, `ws://…/v2/stream`. An `http:` or `https:` address works, too.
   */
  readonly url: string;
  /**
   * The server's option `paths`, where it renames routes. Default of `base`: the stream's address
   * without its last part.
   */
  readonly paths?: Partial<Paths>;
  /** Sent in IDENTIFY and RESUME. A function is called for each new connection. */
  readonly auth?: unknown | (() => unknown);
  /** Replaces `fetch` for the client's HTTP requests. Default: the platform's. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** Bounds, each with its default, in `ClientLimits`. Unknown ones throw `BAD_OPTION`. */
  readonly limits?: Partial<ClientLimits>;
  /** How long a view without listeners is kept, in milliseconds. Default 5,000. */
  readonly lingerMs?: number;
  readonly backoff?: Partial<Backoff>;
  /**
   * The carriers that the stream may use, best first. Default: `websocket`, `sse`, `long-poll`,
   * `poll`.
   */
  readonly carriers?: readonly CarrierName[];
  /**
   * After so many failed attempts in a row the client tries the next carrier. Default 5. Where
   * HTTP works and the carrier does not, the client tries the next one at once.
   */
  readonly carrierAttemptsMax?: number;
  /**
   * On a fallback, the client tries the best carrier again at this interval, in milliseconds.
   * Default 60,000.
   */
  readonly upgradeIntervalMs?: number;
  /** The interval between plain polls, in milliseconds. Default 2,000. */
  readonly pollIntervalMs?: number;
  /**
   * Whether the stream runs in a Web Worker. Default: it does, where the platform has workers. If
   * your bundler does not find the worker, pass a function that creates it from
   * `tidemark/client/worker`.
   */
  readonly worker?: boolean | (() => WorkerLike);
  /**
   * When the page shows a commit. Default: with the next animation frame; at once without frames.
   */
  readonly pacing?: Pacing;
  /**
   * Called with a text for the developer, when the client has failed to connect three times in a
   * row. Default: `console.warn`.
   */
  readonly onWarning?: (text: string) => void;
  /**
   * Loads the code that writes. Default: a dynamic import, when `optimistic` is given, or with the
   * first write.
   */
  readonly writes?: LoadWrites;
  /**
   * Measure what the page costs its reader: frames missed and times from commit to paint while it
   * is visible, and its heap. Each 10 s a small request reports it to a server that takes it
   * (`telemetry` of `createTidemark`); a function gets each report, too. Default: nothing is
   * measured.
   */
  readonly telemetry?: boolean | OnReport;
  /** Default: the platform's. These four keep the engine in this thread. */
  readonly WebSocket?: WebSocketConstructor;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Loads the engine into this thread. Default: a dynamic import, when no worker runs. */
  readonly engine?: LoadEngine;
}

/** What a replay's client passes on, besides the options. */
export interface ReplayOption {
  readonly replay?: ReplayConfig;
}

/** The platform's parts that the engine needs, or their replacements from the options. */
export function partsOf({
  WebSocket,
  fetch,
  clock,
  random,
}: ClientOptions): Omit<EngineParts, "post"> {
  const platform = globalThis as Partial<typeof globalThis>;
  return {
    WebSocket: WebSocket ?? (platform.WebSocket as WebSocketConstructor | undefined),
    fetch: fetch ?? (platform.fetch && ((input, init) => globalThis.fetch(input, init))),
    clock,
    random,
  };
}

/** The engine's configuration, with the defaults filled in. */
export function configOf(
  options: ClientOptions & ReplayOption,
  hasWebSocket: boolean,
): EngineConfig {
  return {
    url: options.url.replace(/^http/, "ws"),
    paths: options.paths,
    limits: limitsOf("limits", CLIENT_LIMITS, options.limits, POSITIVE),
    carriers: options.carriers ?? (hasWebSocket ? CARRIERS : CARRIERS.slice(1)),
    carrierAttemptsMax: options.carrierAttemptsMax ?? 5,
    upgradeIntervalMs: options.upgradeIntervalMs ?? 60_000,
    pollIntervalMs: options.pollIntervalMs ?? 2_000,
    backoff: { ...BACKOFF, ...options.backoff },
    ...(options.replay !== undefined && { replay: options.replay }),
  };
}

/**
 * Undefined where the engine runs in this thread: parts that are passed for this thread can't
 * reach a worker.
 */
export function workerOf({
  worker,
  WebSocket,
  fetch,
  clock,
  random,
}: ClientOptions): (() => WorkerLike) | undefined {
  if (typeof worker === "function") return worker;
  const isOwn =
    WebSocket !== undefined || fetch !== undefined || clock !== undefined || random !== undefined;
  if (worker === false || isOwn || typeof Worker === "undefined") return undefined;
  return () =>
    new Worker(new URL("./worker.js", import.meta.url), {
      type: "module",
      name: "tidemark",
    }) as unknown as WorkerLike;
}
