/**
 * The client as a page sees it: live views, writes, the connection, details, metrics. The stream is
 * followed by the engine, in a worker where one may run; the page takes its commits one at a time,
 * each with the next animation frame, so that everything on it moves together.
 */
import { systemClock, type Cancel, type Clock } from "../std/clock.ts";
import { messageOf, TidemarkError } from "../std/errors.ts";
import { systemRandom } from "../std/random.ts";
import { toWireQuery, type Query } from "../protocol/user-query.ts";
import type { Row } from "../protocol/row.ts";
import type { RowOf, TypedChannel } from "../protocol/typed-channel.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import type { ClientOptions, OptimisticOption } from "./client-options.ts";
import { BACKOFF } from "./connection-state.ts";
import { Details, type Detail } from "./page/details.ts";
import type { QueryAnswer } from "./page/fetch-query.ts";
import { EngineHost, type WorkerLike } from "./page/host.ts";
import { LazyWrites } from "./writes/lazy-writes.ts";
import { callAll } from "./page/live-view.ts";
import { callsOf } from "./writes/mutate-calls.ts";
import { platformPacing, type Pacing } from "./page/pacing.ts";
import { PageViews, type LiveView } from "./page/page-views.ts";
import type { Mutate, Optimistic, WriteOptions } from "./writes/page-writes.ts";
import type { PendingWrite } from "./writes/pending-writes.ts";
import { CommitPump } from "./page/commit-pump.ts";
import type { ConnectionReading, Position, RequestKind, Tapped, ToPage } from "./port.ts";
import { UiMeter, type UiMetrics } from "./page/ui-metrics.ts";
import type { WebSocketConstructor } from "./connection/websocket-like.ts";

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

const NONE_PENDING: readonly PendingWrite[] = [];
const NOTHING_READ: ConnectionReading = {
  state: { kind: "idle" },
  transport: "websocket",
  seq: 0,
  epoch: undefined,
  asOf: undefined,
  serverTimeMs: undefined,
  lagMs: undefined,
  roundTripMs: undefined,
  clockOffsetMs: 0,
  gaps: 0,
  drifts: 0,
  queueDepth: 0,
  turns: 0,
  latencyP50Ms: undefined,
  latencyP99Ms: undefined,
  applyP50Ms: undefined,
  applyP99Ms: undefined,
  rowsPerSecond: 0,
  bytesPerSecond: 0,
  rows: 0,
  bytes: 0,
  requestsPending: { detail: 0, snapshot: 0, poll: 0, up: 0 },
};

export class TidemarkClient<
  C extends ClientChannels = Record<string, TypedChannel<Row>>,
  M extends MutationTree = MutationTree,
> {
  /** Mutations by name: `client.mutate.reviews.setStatus({ … })`. */
  readonly mutate: Mutate<M>;
  readonly #writes: LazyWrites;
  readonly #options: ClientOptions;
  readonly #clock: Clock;
  readonly #pacing: Pacing;
  readonly #views: PageViews;
  readonly #host: EngineHost;
  readonly #base: string;
  readonly #listeners = new Set<() => void>();
  readonly #lookers = new Set<(tapped: Tapped) => void>();
  readonly #fetches = new Map<number, (answer: { status: number; body: string }) => void>();
  readonly #details: Details;
  readonly #ui: UiMeter;
  readonly #pump: CommitPump;
  readonly #stopWatching: () => void;
  #nextId = 1;
  #reading = NOTHING_READ;
  #metrics: UiMetrics | undefined;
  #engineWatch: Cancel | undefined;
  #isStopped = false;

  constructor(options: ClientOptions & OptimisticOption<M>) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#pacing = options.pacing ?? platformPacing();
    const url = options.url.replace(/^http/, "ws");
    this.#base = url.replace(/^ws/, "http").replace(/\/[^/]*$/, "");
    const WebSocket =
      options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
    const fetch =
      options.fetch ??
      (typeof globalThis.fetch === "function"
        ? (input: string, init: RequestInit) => globalThis.fetch(input, init)
        : undefined);
    const carriers =
      options.carriers ??
      (WebSocket === undefined
        ? ["sse", "long-poll", "poll"]
        : ["websocket", "sse", "long-poll", "poll"]);
    this.#ui = new UiMeter(this.#clock);
    this.#details = new Details({
      clock: this.#clock,
      limits: options.details,
      fetch: (target, signal) => this.#fetch(target, "detail", signal),
    });
    this.#writes = new LazyWrites(options.writes, {
      clock: this.#clock,
      random: options.random ?? systemRandom,
      optimistic: options.optimistic as Optimistic<MutationTree> | undefined,
      headers: () => options.headers?.() ?? {},
      post: (request) => this.#host.post({ kind: "write", request }),
      position: () => this.#views.position,
      onChange: () => this.#pump.showWrites(),
    });
    this.#views = new PageViews({
      clock: this.#clock,
      lingerMs: options.lingerMs ?? 5_000,
      writes: () => this.#writes.current,
      post: (message) => this.#host.post(message),
    });
    this.#pump = new CommitPump({
      clock: this.#clock,
      pacing: this.#pacing,
      views: this.#views,
      writes: this.#writes,
      details: this.#details,
      ui: this.#ui,
      onShown: () => this.#host.post({ kind: "ack" }),
      onWrites: () => this.#notify(),
    });
    this.mutate = callsOf((name, input, callOptions) =>
      this.#writes.use((writes) => writes.mutate(name, input, callOptions)),
    ) as Mutate<M>;
    this.#host = new EngineHost({
      createWorker: workerOf(options),
      load:
        options.engine ??
        (() =>
          import("./stream/stream-engine.ts").then(
            ({ StreamEngine }) =>
              (parts) =>
                new StreamEngine(parts),
          )),
      parts: { WebSocket, fetch, clock: options.clock, random: options.random },
      onMessage: (message) => this.#receive(message),
    });
    const { rowsMax = 200_000, attemptsMax = 5, climbMs = 60_000, pollMs = 2_000 } = options;
    this.#host.post({
      kind: "configure",
      config: {
        url,
        rowsMax,
        carriers,
        attemptsMax,
        climbMs,
        pollMs,
        backoff: { ...BACKOFF, ...options.backoff },
      },
    });
    this.#stopWatching = this.#watch();
  }

  /**
   * A view of a query. Handles of equal queries share one view and its rows. A query that the server
   * does not take is a view that says `refused`, with the error.
   */
  live<N extends keyof C & string>(
    query: Query<RowOf<C[N]>> & { readonly channel: N },
  ): LiveView<RowOf<C[N]>> {
    return this.#views.live(query as unknown as Query) as unknown as LiveView<RowOf<C[N]>>;
  }

  /**
   * One row, by HTTP, with when it last changed. It waits for nothing else that the client fetches.
   * @throws TidemarkError `UNKNOWN_ROW`, `FORBIDDEN`, … as the server says; `STOPPED` when no answer came
   */
  async detail<N extends keyof C & string>(
    channel: N,
    key: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Detail<RowOf<C[N]>>> {
    const startMs = this.#clock.monotonic();
    const detail = await this.#details.get(
      `${this.#base}/rows/${encodeURIComponent(channel)}/${encodeURIComponent(key)}`,
      signal,
    );
    this.#ui.noteDetail(this.#clock.monotonic() - startMs);
    return detail as Detail<RowOf<C[N]>>;
  }

  /**
   * One answer to a query, by HTTP, for where nothing is to follow. It waits for other requests of low priority.
   * @throws TidemarkError as the server says; `STOPPED` when no answer came
   */
  async fetch<N extends keyof C & string>(
    query: Query<RowOf<C[N]>> & { readonly channel: N },
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<QueryAnswer<RowOf<C[N]>>> {
    const own = toWireQuery(query as unknown as Query);
    const { answerIn, askFor } = await import("./page/fetch-query.ts");
    const answer = await this.#fetch(
      `${this.#base}/changes`,
      "snapshot",
      signal,
      askFor(own, await this.#credentials()),
    );
    return answerIn(answer, own) as QueryAnswer<RowOf<C[N]>>;
  }

  /**
   * Makes a write by your own endpoint and shows what it is expected to do until the page holds it. The
   * endpoint answers with `tidemark.txid(tx)`. Rows that come before the answer are shown under the patch.
   */
  write<A>(options: WriteOptions<A>): Promise<A> {
    return this.#writes.use((writes) => writes.write(options));
  }

  /** Writes of this page that have not come through. */
  readonly pendingWrites: Readable<readonly PendingWrite[]> = {
    subscribe: (listener) => this.#subscribe(listener),
    getSnapshot: () => this.#writes.current?.list ?? NONE_PENDING,
  };

  /** Looks on: frames as they pass and how each subscription stands, a few times a second. Returns how to stop. */
  inspect(listener: (tapped: Tapped) => void): () => void {
    const entry = (tapped: Tapped): void => listener(tapped);
    this.#lookers.add(entry);
    if (this.#lookers.size === 1) this.#host.post({ kind: "tap", isOn: true });
    return () => {
      if (this.#lookers.delete(entry) && this.#lookers.size === 0)
        this.#host.post({ kind: "tap", isOn: false });
    };
  }

  /** Connects; happens by itself with the first view. */
  connect(): void {
    this.#host.post({ kind: "connect" });
  }

  /** Closes for good. Views keep their last rows and say stale. */
  close(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#pump.stop();
    this.#views.stop();
    this.#stopWatching();
    this.#engineWatch?.();
    this.#host.stop();
    for (const answer of this.#fetches.values()) answer({ status: 0, body: "" });
    this.#writes.stop();
    this.#reading = { ...this.#reading, state: { kind: "stopped" } };
    this.#views.setDoubt("the client was closed");
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
    return this.#views.position;
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

  #receive(message: ToPage): void {
    if (this.#isStopped) return;
    switch (message.kind) {
      case "commit":
        return this.#pump.take(message);
      case "revoked":
        return this.#pump.revoke();
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
      case "tapped":
        for (const listener of this.#lookers) listener(message);
        return;
      case "running":
        return;
    }
  }

  /** A worker that says nothing for a while has died, and can't say so itself. */
  #watchEngine(): void {
    this.#engineWatch?.();
    if (!this.#host.isInWorker) return;
    this.#views.setDoubt(undefined);
    this.#engineWatch = this.#clock.after(ENGINE_SILENT_MS, () => {
      this.#views.setDoubt("the page's worker does not answer; reload the page");
    });
  }

  #credentials(): unknown {
    const { auth } = this.#options;
    return typeof auth === "function" ? (auth as () => unknown)() : auth;
  }

  async #answerCredentials(id: number): Promise<void> {
    try {
      const value = await this.#credentials();
      this.#host.post({ kind: "credentials", id, value });
    } catch (error) {
      this.#host.post({ kind: "credentials", id, error: messageOf(error) });
    }
  }

  #fetch(
    url: string,
    purpose: RequestKind,
    signal: AbortSignal | undefined,
    body?: string,
  ): Promise<{ status: number; body: string }> {
    if (this.#isStopped || signal?.aborted === true)
      return Promise.reject(
        new TidemarkError("STOPPED", "The client was closed, or the request given up."),
      );
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#fetches.set(id, (answer) => {
        this.#fetches.delete(id);
        resolve(answer);
      });
      signal?.addEventListener("abort", () => this.#host.post({ kind: "abort", id }), {
        once: true,
      });
      this.#host.post({
        kind: "fetch",
        id,
        url,
        purpose,
        headers: this.#options.headers?.() ?? {},
        ...(body !== undefined && { body }),
      });
    });
  }

  /** Follows what the platform says of the page and the network. */
  #watch(): () => void {
    const stopHidden = this.#pacing.watchHidden((isHidden) =>
      this.#host.post({ kind: "hidden", isHidden }),
    );
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
function workerOf({
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

/** Creates a client. `createClient<typeof channels, typeof mutations>({ url })` types its queries, rows and mutations. */
export function createClient<
  C extends ClientChannels = Record<string, TypedChannel<Row>>,
  M extends MutationTree = MutationTree,
>(options: ClientOptions & OptimisticOption<NoInfer<M>>): TidemarkClient<C, M> {
  return new TidemarkClient<C, M>(options);
}
