/**
 * The client as a page sees it: live views, the connection, details, metrics. The stream itself is
 * followed by the engine, in a worker where one may run; the page takes its commits one at a time,
 * each with the next animation frame, so that everything on it moves together.
 */
import { systemClock, type Cancel, type Clock } from "../std/clock.ts";
import { messageOf, TidemarkError } from "../std/errors.ts";
import type { Random } from "../std/random.ts";
import type { Query } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import type { RowOf, TypedChannel } from "../protocol/typed-channel.ts";
import { BACKOFF, type Backoff } from "./connection-state.ts";
import { Details, type Detail, type DetailLimits } from "./details.ts";
import { EngineHost, type LoadEngine, type WorkerLike } from "./host.ts";
import type { Fetch } from "./http-scheduler.ts";
import { callAll, ViewCore, type PinnedRow, type ViewSnapshot } from "./live-view.ts";
import { platformPacing, type Pacing } from "./pacing.ts";
import type { CarrierName, Commit, ConnectionReading, Position, RequestKind, ToPage } from "./port.ts";
import { UiMeter, type UiMetrics } from "./ui-metrics.ts";
import type { WebSocketConstructor } from "./websocket-like.ts";

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
  /** Default: the platform's. These four keep the engine in this thread. */
  readonly WebSocket?: WebSocketConstructor;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
  readonly random?: Random;
  /** How the engine comes into this thread. Default: loaded when no worker runs. */
  readonly engine?: LoadEngine;
}

/** A query that can be listened to. Handles are free; the view exists while someone listens. */
export interface LiveView<R = Row> {
  readonly query: Query;
  /** Calls back after each change; returns how to stop. Starts the view with its first listener. */
  subscribe(listener: () => void): () => void;
  /** The same object until something changed. */
  getSnapshot(): ViewSnapshot<R>;
  row(key: string): R | undefined;
  /** Keeps a row at hand, as what the user has selected, also when it leaves the view. Returns how to let go. */
  pin(key: string): () => void;
  pinned(key: string): PinnedRow<R> | undefined;
}

/** Something that can be read at any time and tells when it changed. */
export interface Readable<T> {
  subscribe(listener: () => void): () => void;
  /** The same object until something changed. */
  getSnapshot(): T;
}

/** Channels by name, with their rows' types. */
export type ClientChannels = Readonly<Record<string, TypedChannel<unknown>>>;

export type ConnectionSnapshot = ConnectionReading;

/** Readings come each second, also from a hidden page's worker. */
const ENGINE_SILENT_MS = 10_000;

const NOTHING_READ: ConnectionReading = {
  state: { kind: "idle" }, transport: "websocket", seq: 0, epoch: undefined, asOf: undefined, serverTimeMs: undefined, lagMs: undefined,
  roundTripMs: undefined, clockOffsetMs: 0, gaps: 0, drifts: 0, queueDepth: 0, turns: 0, latencyP50Ms: undefined, latencyP99Ms: undefined,
  applyP50Ms: undefined, applyP99Ms: undefined, rowsPerSecond: 0, bytesPerSecond: 0, rows: 0, bytes: 0,
  requestsPending: { detail: 0, snapshot: 0, poll: 0, up: 0 },
};

export class TidemarkClient<C extends ClientChannels = Record<string, TypedChannel<Row>>> {
  readonly #options: ClientOptions;
  readonly #clock: Clock;
  readonly #pacing: Pacing;
  readonly #host: EngineHost;
  readonly #base: string;
  /** By query; and by the id that the engine knows, which is never used again. */
  readonly #views = new Map<string, ViewCore>();
  readonly #opened = new Map<string, ViewCore>();
  readonly #lingering = new Map<ViewCore, Cancel>();
  readonly #listeners = new Set<() => void>();
  readonly #fetches = new Map<number, (answer: { status: number; body: string }) => void>();
  readonly #details: Details;
  readonly #ui: UiMeter;
  readonly #stopWatching: () => void;
  #nextId = 1;
  #reading = NOTHING_READ;
  #metrics: UiMetrics | undefined;
  #position: Position | undefined;
  #engineWatch: Cancel | undefined;
  #isStopped = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#pacing = options.pacing ?? platformPacing();
    const url = options.url.replace(/^http/, "ws");
    this.#base = url.replace(/^ws/, "http").replace(/\/[^/]*$/, "");
    const WebSocket = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
    const fetch = options.fetch ?? (typeof globalThis.fetch === "function" ? (input: string, init: RequestInit) => globalThis.fetch(input, init) : undefined);
    const carriers = options.carriers ?? (WebSocket === undefined ? ["sse", "long-poll", "poll"] : ["websocket", "sse", "long-poll", "poll"]);
    this.#ui = new UiMeter(this.#clock);
    this.#details = new Details({ clock: this.#clock, limits: options.details, fetch: (target, signal) => this.#fetch(target, "detail", signal) });
    this.#host = new EngineHost({
      createWorker: workerOf(options),
      load: options.engine ?? (() => import("./stream-engine.ts").then(({ StreamEngine }) => (parts) => new StreamEngine(parts))),
      parts: { WebSocket, fetch, clock: options.clock, random: options.random },
      onMessage: (message) => this.#receive(message),
    });
    const { rowsMax = 200_000, attemptsMax = 5, climbMs = 60_000, pollMs = 2_000 } = options;
    this.#host.post({ kind: "configure", config: { url, rowsMax, carriers, attemptsMax, climbMs, pollMs, backoff: { ...BACKOFF, ...options.backoff } } });
    this.#stopWatching = this.#watch();
  }

  /**
   * A view of a query. Handles of equal queries share one view and its rows. A query that the server
   * does not take is a view that says `refused`, with the error.
   */
  live<N extends keyof C & string>(query: Query<RowOf<C[N]>> & { readonly channel: N }): LiveView<RowOf<C[N]>> {
    const id = JSON.stringify(query);
    // A copy: what the caller does with its object later must not change the view.
    const own = JSON.parse(id) as Query;
    const idle = new ViewCore(id, own);
    const core = (): ViewCore => this.#views.get(id) ?? idle;
    return {
      query: own,
      subscribe: (listener) => this.#listen(id, own, listener),
      getSnapshot: () => core().snapshot() as ViewSnapshot<RowOf<C[N]>>,
      row: (key) => core().row(key) as RowOf<C[N]> | undefined,
      pin: (key) => {
        const holder = core();
        holder.pin(key);
        return () => holder.unpin(key);
      },
      pinned: (key) => core().pinned(key) as PinnedRow<RowOf<C[N]>> | undefined,
    };
  }

  /**
   * One row, by HTTP, with when it last changed. It waits for nothing else that the client fetches.
   * @throws TidemarkError `UNKNOWN_ROW`, `FORBIDDEN`, … as the server says; `STOPPED` when no answer came
   */
  async detail<N extends keyof C & string>(channel: N, key: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Detail<RowOf<C[N]>>> {
    const startMs = this.#clock.monotonic();
    const detail = await this.#details.get(`${this.#base}/rows/${encodeURIComponent(channel)}/${encodeURIComponent(key)}`, signal);
    this.#ui.noteDetail(this.#clock.monotonic() - startMs);
    return detail as Detail<RowOf<C[N]>>;
  }

  /** Connects; happens by itself with the first view. */
  connect(): void {
    this.#host.post({ kind: "connect" });
  }

  /** Closes for good. Views keep their last rows and say stale. */
  close(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    for (const cancel of this.#lingering.values()) cancel();
    this.#stopWatching();
    this.#engineWatch?.();
    this.#host.stop();
    for (const answer of this.#fetches.values()) answer({ status: 0, body: "" });
    this.#reading = { ...this.#reading, state: { kind: "stopped" } };
    for (const core of this.#views.values()) core.setDoubt("the client was closed");
    this.#notify();
  }

  /** Tell that the network is back, where the platform does not. */
  online(): void {
    this.#host.post({ kind: "network", isBack: true });
  }

  /** The connection: renewed about once a second, and when its state changes. */
  readonly connection: Readable<ConnectionSnapshot> = {
    subscribe: (listener) => this.#subscribe(listener),
    getSnapshot: () => this.#reading,
  };

  /** What the page measures of itself: renewed about once a second. */
  readonly metrics: Readable<UiMetrics> = {
    subscribe: (listener) => this.#subscribe(listener),
    getSnapshot: () => (this.#metrics ??= this.#ui.read(this.#reading)),
  };

  /** Where every live view of this page stands; undefined before the first turn. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Whether the stream is followed in a Web Worker. */
  get isInWorker(): boolean {
    return this.#host.isInWorker;
  }

  #subscribe(listener: () => void): () => void {
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  #listen(id: string, query: Query, listener: () => void): () => void {
    const core = this.#views.get(id) ?? this.#open(id, query);
    this.#lingering.get(core)?.();
    this.#lingering.delete(core);
    // Wrapped, so that the same function may listen twice.
    const entry = (): void => listener();
    core.listeners.add(entry);
    return () => {
      if (!core.listeners.delete(entry)) return;
      if (core.listeners.size > 0 || this.#lingering.has(core) || this.#isStopped) return;
      this.#lingering.set(core, this.#clock.after(this.#options.lingerMs ?? 5_000, () => this.#drop(id, core)));
    };
  }

  #open(id: string, query: Query): ViewCore {
    const core = new ViewCore(String(this.#nextId++), query);
    this.#views.set(id, core);
    this.#opened.set(core.id, core);
    this.#host.post({ kind: "open", id: core.id, query });
    return core;
  }

  #drop(id: string, core: ViewCore): void {
    this.#lingering.delete(core);
    this.#views.delete(id);
    this.#opened.delete(core.id);
    this.#host.post({ kind: "close", id: core.id });
  }

  #receive(message: ToPage): void {
    if (this.#isStopped) return;
    switch (message.kind) {
      case "commit":
        return this.#pacing.next(() => this.#apply(message));
      case "connection":
        this.#reading = message.reading;
        this.#watchEngine();
        return this.#notify();
      case "credentials":
        void this.#answerCredentials(message.id);
        return;
      case "fetched":
        this.#fetches.get(message.id)?.(message);
        return;
      case "running":
        return;
    }
  }

  /** A worker that says nothing for a while has died, and can't say so itself. */
  #watchEngine(): void {
    this.#engineWatch?.();
    if (!this.#host.isInWorker) return;
    for (const core of this.#views.values()) core.setDoubt(undefined);
    this.#engineWatch = this.#clock.after(ENGINE_SILENT_MS, () => {
      for (const core of this.#views.values()) core.setDoubt("the page's worker does not answer; reload the page");
    });
  }

  #apply({ views, turns, position }: Commit): void {
    if (this.#isStopped) return;
    this.#position = position;
    const startMs = this.#clock.monotonic();
    const changed: ViewCore[] = [];
    for (const news of views) {
      const core = this.#opened.get(news.id);
      if (news.isForgotten === true) this.#details.forget();
      core?.apply(news);
      if (core !== undefined) changed.push(core);
    }
    // Only now, when all views stand at the new position, may anyone look.
    for (const core of changed) core.notify();
    this.#ui.noteCommit(turns, this.#clock.monotonic() - startMs);
    this.#host.post({ kind: "ack" });
  }

  async #answerCredentials(id: number): Promise<void> {
    const { auth } = this.#options;
    try {
      const value: unknown = typeof auth === "function" ? await (auth as () => unknown)() : auth;
      this.#host.post({ kind: "credentials", id, value });
    } catch (error) {
      this.#host.post({ kind: "credentials", id, error: messageOf(error) });
    }
  }

  #fetch(url: string, purpose: RequestKind, signal: AbortSignal | undefined): Promise<{ status: number; body: string }> {
    if (this.#isStopped || signal?.aborted === true) return Promise.reject(new TidemarkError("STOPPED", "The client was closed, or the request given up."));
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#fetches.set(id, (answer) => {
        this.#fetches.delete(id);
        resolve(answer);
      });
      signal?.addEventListener("abort", () => this.#host.post({ kind: "abort", id }), { once: true });
      this.#host.post({ kind: "fetch", id, url, purpose, headers: this.#options.headers?.() ?? {} });
    });
  }

  /** Follows what the platform says of the page and the network. */
  #watch(): () => void {
    const stopHidden = this.#pacing.watchHidden((isHidden) => this.#host.post({ kind: "hidden", isHidden }));
    if (typeof document === "undefined") return stopHidden;
    const online = (): void => this.#host.post({ kind: "network", isBack: true });
    const offline = (): void => this.#host.post({ kind: "network", isBack: false });
    addEventListener("online", online);
    addEventListener("offline", offline);
    return () => {
      stopHidden();
      removeEventListener("online", online);
      removeEventListener("offline", offline);
    };
  }

  #notify(): void {
    this.#metrics = undefined;
    callAll(this.#listeners);
  }
}

/** What is handed in for this thread would not reach a worker. */
function workerOf({ worker, WebSocket, fetch, clock, random }: ClientOptions): (() => WorkerLike) | undefined {
  if (typeof worker === "function") return worker;
  const isOwn = WebSocket !== undefined || fetch !== undefined || clock !== undefined || random !== undefined;
  if (worker === false || isOwn || typeof Worker === "undefined") return undefined;
  return () => new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "tidemark" }) as unknown as WorkerLike;
}

/** Creates a client. `createClient<typeof channels>({ url })` types its queries and rows. */
export function createClient<C extends ClientChannels = Record<string, TypedChannel<Row>>>(options: ClientOptions): TidemarkClient<C> {
  return new TidemarkClient<C>(options);
}
