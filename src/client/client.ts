/**
 * The client as a page sees it: live views, writes, the connection, single rows, metrics. The
 * engine follows the stream, in a worker where one may run; the page takes its commits one at a
 * time, each with the next animation frame, so that all views of the page change together.
 */
import { systemClock, type Cancel, type Clock } from "../std/clock.ts";
import { messageOf } from "../std/errors.ts";
import { systemRandom } from "../std/random.ts";
import type { WireQuery } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import type { RowOf, TypedChannel } from "../protocol/typed-channel.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import { fromWireQuery, toTimedQuery, type Query } from "../protocol/user-query.ts";
import {
  configOf,
  partsOf,
  workerOf,
  type ClientOptions,
  type OptimisticOption,
  type ReplayOption,
} from "./client-options.ts";
import { WORKER_SILENT_MS } from "./limits.ts";
import type { ChannelDescription } from "./page/channel-description.ts";
import { CommitPump } from "./page/commit-pump.ts";
import type { HistoryAnswer, HistoryOptions } from "./page/fetch-history.ts";
import type { QueryAnswer } from "./page/fetch-query.ts";
import { EngineHost } from "./page/host.ts";
import { importAgain } from "./import-again.ts";
import { callAll } from "./page/live-view.ts";
import { platformPacing } from "./page/pacing.ts";
import { watchPage } from "./page/page-watch.ts";
import { PageRequests } from "./page/page-requests.ts";
import { PageViews, type LiveView } from "./page/page-views.ts";
import { RowCache, type RowAnswer } from "./page/row-cache.ts";
import type { SingleAnswers, SingleAnswersOptions } from "./page/single-answers.ts";
import { UiMeter, type UiMetrics } from "./page/ui-metrics.ts";
import { NOT_CONNECTED } from "./not-connected.ts";
import type { ConnectionStats, Inspection, PageCursor, ToEngine, ToPage } from "./port.ts";
import type { EngineParts } from "./stream/stream-engine.ts";
import { LazyWrites } from "./writes/lazy-writes.ts";
import { callsOf } from "./writes/mutate-calls.ts";
import type { Mutate, Optimistic, WriteOptions } from "./writes/page-writes.ts";
import type { PendingWrite } from "./writes/pending-writes.ts";

/** A value that can be read at any time and whose listeners are called when it changes. */
export interface Readable<T> {
  subscribe(listener: () => void): () => void;
  /** The same object until the value changes. */
  getSnapshot(): T;
}

/** Channels by name, with their rows' types. */
export type ClientChannels = Readonly<Record<string, TypedChannel<unknown>>>;

/** The default where no channel types are given: any channel, any column. */
export type AnyChannels = Record<string, TypedChannel<Row>>;

/** A query of the channel `N`, typed by its rows. */
export type QueryOf<C extends ClientChannels, N extends keyof C & string> = Query<RowOf<C[N]>> & {
  readonly channel: N;
};

const NONE_PENDING: readonly PendingWrite[] = [];

export class TidemarkClient<
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
> {
  /** Mutations by name: `client.mutate.reviews.setStatus({ … })`. */
  readonly mutate: Mutate<M>;
  readonly #writes: LazyWrites;
  readonly #options: ClientOptions;
  readonly #clock: Clock;
  readonly #views: PageViews;
  readonly #host: EngineHost;
  readonly #listeners = new Set<() => void>();
  readonly #inspectors = new Set<(inspection: Inspection) => void>();
  readonly #requests: PageRequests;
  readonly #rowCache: RowCache;
  readonly #http: SingleAnswersOptions;
  readonly #ui: UiMeter;
  readonly #pump: CommitPump;
  readonly #stopWatching: () => void;
  #stats = NOT_CONNECTED;
  #metrics: UiMetrics | undefined;
  #engineWatch: Cancel | undefined;
  #isStopped = false;

  constructor(options: ClientOptions & OptimisticOption<M> & ReplayOption) {
    this.#options = options;
    const parts = partsOf(options);
    const config = configOf(options, parts.WebSocket !== undefined);
    const { limits } = config;
    const { clock = systemClock, pacing = platformPacing(), lingerMs = 5_000 } = options;
    const { telemetry: onReport = false } = options;
    const headers = (): Readonly<Record<string, string>> => options.headers?.() ?? {};
    this.#clock = clock;
    this.#ui = new UiMeter(clock);
    this.#requests = new PageRequests({ headers, post: (message) => this.#host.post(message) });
    this.#rowCache = new RowCache({
      clock,
      limits,
      ui: this.#ui,
      fetch: (route, signal) => this.#requests.send(route, "row", signal),
    });
    const requests = this.#requests;
    this.#http = { requests, credentials: () => this.#credentials() };
    this.#writes = new LazyWrites(options.writes, {
      clock,
      headers,
      pendingMax: limits.pendingWritesMax,
      random: options.random ?? systemRandom,
      optimistic: options.optimistic as Optimistic<MutationTree> | undefined,
      post: (request) => this.#host.post({ kind: "write", request }),
      cursor: () => this.#views.cursor,
      onChange: () => this.#pump.showWrites(),
    });
    this.#views = new PageViews({
      clock,
      lingerMs,
      pinsMax: limits.viewPinsMax,
      historyRowsMax: limits.historyRowsMax,
      fetchHistory: async (query, asked) => (await this.#answers()).page(query, asked),
      writes: () => this.#writes.current,
      post: (message) => this.#host.post(message),
    });
    this.#pump = new CommitPump({
      clock,
      pacing,
      views: this.#views,
      writes: this.#writes,
      rowCache: this.#rowCache,
      ui: this.#ui,
      onShown: () => this.#host.post({ kind: "ack" }),
      onWrites: () => this.#notify(),
    });
    this.mutate = callsOf((name, input, callOptions) =>
      this.#writes.use((writes) => writes.mutate(name, input, callOptions)),
    ) as Mutate<M>;
    this.#host = this.#createHost(parts);
    this.#host.post({ kind: "configure", config });
    this.#stopWatching = watchPage(pacing, (message) => this.#host.post(message));
    const page = { clock, pacing, requests, onReport, ui: this.#ui, connection: this.connection };
    if (onReport !== false)
      void import("./page/telemetry.ts").then(
        (loaded) => loaded.startTelemetry(page),
        // Without the code, nothing is measured.
        () => {},
      );
  }

  /**
   * A view of a query. Handles of equal queries share one view and its rows. If the server refuses
   * the query, the view's status is `refused`, and its `error` says why.
   */
  live<N extends keyof C & string>(query: QueryOf<C, N>): LiveView<RowOf<C[N]>> {
    return this.#views.live(query as unknown as Query) as unknown as LiveView<RowOf<C[N]>>;
  }

  /**
   * One row, by HTTP, with the commit that last changed it. It does not wait for the client's
   * other requests.
   * @throws TidemarkError `UNKNOWN_ROW`, `FORBIDDEN`, … as the server says; `STOPPED` when no
   * answer came
   */
  async row<N extends keyof C & string>(
    channel: N,
    key: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<RowAnswer<RowOf<C[N]>>> {
    return (await this.#rowCache.row(channel, key, signal)) as RowAnswer<RowOf<C[N]>>;
  }

  /**
   * A channel's key, columns and history, by HTTP, without a view of it.
   * @throws TidemarkError `UNKNOWN_CHANNEL`, also for a channel of which the caller may see nothing
   */
  async describe<N extends keyof C & string>(
    channel: N,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<ChannelDescription> {
    return (await this.#answers()).describe(channel, signal);
  }

  /**
   * One answer to a query, by HTTP, without a subscription. The request waits for other requests of
   * low priority. With `asOf` the rows are those of then, in as many requests as it takes.
   * @throws TidemarkError as the server says; `STOPPED` when no answer came
   */
  async fetch<N extends keyof C & string>(
    query: QueryOf<C, N>,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<QueryAnswer<RowOf<C[N]>>> {
    const timed = toTimedQuery(query as unknown as Query);
    return (await (await this.#answers()).fetch(timed, signal)) as QueryAnswer<RowOf<C[N]>>;
  }

  /**
   * One page of a query's rows as of a commit of the past or present, by HTTP, back to the oldest
   * row that the server keeps. `limit` is the number of rows of the page.
   * @throws TidemarkError `NO_HISTORY`, `HISTORY_TRIMMED`, … as the server says; `STOPPED` when no
   * answer came
   */
  async history<N extends keyof C & string>(
    query: QueryOf<C, N>,
    options: HistoryOptions = {},
  ): Promise<HistoryAnswer<RowOf<C[N]>>> {
    const timed = toTimedQuery(query as unknown as Query);
    return (await (await this.#answers()).history(timed, options)) as HistoryAnswer<RowOf<C[N]>>;
  }

  /**
   * Makes a write by your own endpoint, and shows its optimistic patch until the page's views hold
   * the write. The endpoint answers with `tidemark.txid(tx)`. The patch stays on rows that arrive
   * before the answer.
   */
  write<A>(options: WriteOptions<A>): Promise<A> {
    return this.#writes.use((writes) => writes.write(options));
  }

  /** Writes of this page that no view holds yet. */
  readonly pendingWrites: Readable<readonly PendingWrite[]> = {
    subscribe: (listener) => this.#subscribe(listener),
    getSnapshot: () => this.#writes.current?.list ?? NONE_PENDING,
  };

  /**
   * Calls back a few times a second with the frames that passed and the state of each
   * subscription: for devtools. Returns a function that stops it.
   */
  inspect(listener: (inspection: Inspection) => void): () => void {
    const entry = (inspection: Inspection): void => listener(inspection);
    this.#inspectors.add(entry);
    if (this.#inspectors.size === 1) this.#host.post({ kind: "inspect", isOn: true });
    return () => {
      if (this.#inspectors.delete(entry) && this.#inspectors.size === 0)
        this.#host.post({ kind: "inspect", isOn: false });
    };
  }

  /**
   * Connects; the first view and the first write do so by themselves. A connection that waits for
   * its next attempt (`connection.getSnapshot().state.retryAtMs`), or was refused, tries now.
   */
  connect(): void {
    this.#host.post({ kind: "connect" });
  }

  /** Closes the client for good. Its views keep their last rows and are stale. */
  close(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#pump.stop();
    this.#views.stop();
    this.#stopWatching();
    this.#engineWatch?.();
    this.#host.stop();
    this.#requests.stop();
    this.#writes.stop();
    this.#stats = { ...this.#stats, state: { kind: "stopped" } };
    this.#views.setDoubt("the client was closed");
    this.#notify();
  }

  /**
   * Tells the client whether there is a network, where the platform does not: `true` connects at
   * once.
   */
  setOnline(isOnline: boolean): void {
    this.#host.post({ kind: "network", isBack: isOnline });
  }

  /**
   * The connection's state and stats: a new object about once a second, and when the state changes.
   */
  readonly connection: Readable<ConnectionStats> = {
    subscribe: (listener) => this.#subscribe(listener),
    getSnapshot: () => this.#stats,
  };

  /** The page's own metrics: a new object about once a second. */
  readonly metrics: Readable<UiMetrics> = {
    subscribe: (listener) => this.#subscribe(listener),
    getSnapshot: () => (this.#metrics ??= this.#ui.read(this.#stats)),
  };

  /** The commit that every live view of this page shows; undefined before the first turn. */
  get cursor(): PageCursor | undefined {
    return this.#views.cursor;
  }

  /** Whether the stream is followed in a Web Worker. */
  get usesWorker(): boolean {
    return this.#host.usesWorker;
  }

  protected post(message: ToEngine): void {
    this.#host.post(message);
  }

  #subscribe(listener: () => void): () => void {
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  #receive(message: ToPage): void {
    if (this.#isStopped || message.kind === "running") return;
    switch (message.kind) {
      case "commit":
        return this.#pump.take(message);
      case "revoked":
        return this.#pump.revoke();
      case "connection":
        this.#stats = message.stats;
        this.#watchEngine();
        return this.#notify();
      case "credentials":
        void this.#answerCredentials(message.id);
        return;
      case "fetched":
        return this.#requests.answered(message.id, message);
      case "inspection":
        return this.#inspected(message);
      case "warning":
        return (this.#options.onWarning ?? console.warn)(message.text);
    }
  }

  #inspected(inspection: Inspection<WireQuery>): void {
    const subscriptions = inspection.subscriptions.map((stats) => ({
      ...stats,
      query: fromWireQuery(stats.query),
    }));
    for (const listener of this.#inspectors) listener({ ...inspection, subscriptions });
  }

  /** A worker that has died can't report it, so silence counts as death. */
  #watchEngine(): void {
    this.#engineWatch?.();
    if (!this.#host.usesWorker) return;
    this.#views.setDoubt(undefined);
    this.#engineWatch = this.#clock.after(WORKER_SILENT_MS, () => {
      this.#views.setDoubt("the page's worker does not respond; reload the page");
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

  /** The code is loaded with the first call. */
  async #answers(): Promise<SingleAnswers> {
    const loaded = await import("./page/single-answers.ts").catch(
      importAgain<typeof import("./page/single-answers.ts")>,
    );
    return new loaded.SingleAnswers(this.#http);
  }

  #createHost(parts: Omit<EngineParts, "post">): EngineHost {
    return new EngineHost({
      createWorker: workerOf(this.#options),
      load:
        this.#options.engine ??
        (() =>
          import("./stream/stream-engine.ts").then(
            (loaded) => (own) => new loaded.StreamEngine(own),
          )),
      parts,
      onMessage: (message) => this.#receive(message),
    });
  }

  #notify(): void {
    this.#metrics = undefined;
    callAll(this.#listeners);
  }
}

/**
 * Creates a client. `createClient<typeof channels, typeof mutations>({ url })` types its queries,
 * rows and mutations.
 */
export function createClient<
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
>(options: ClientOptions & OptimisticOption<NoInfer<M>>): TidemarkClient<C, M> {
  return new TidemarkClient<C, M>(options);
}
