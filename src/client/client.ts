/**
 * The client: one connection, any number of live views. Frames are routed to their views and
 * staged; a WATERMARK applies them all, so everything on a page moves in one commit.
 */
import { systemClock, type Cancel, type Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import { systemRandom, type Random } from "../std/random.ts";
import type { DownMessage } from "../protocol/down.ts";
import type { ErrorMessage } from "../protocol/messages/error.ts";
import type { Identify } from "../protocol/messages/identify.ts";
import type { Subscribed } from "../protocol/messages/subscribed.ts";
import type { Watermark } from "../protocol/messages/watermark.ts";
import { parseQuery, type Query } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import type { RowOf, TypedChannel } from "../protocol/typed-channel.ts";
import { Connection, type WebSocketConstructor } from "./connection.ts";
import type { Backoff, ConnectionState } from "./connection-state.ts";
import { ViewCore, type Reachability, type ViewSnapshot } from "./live-view.ts";
import { Meter, type StreamRates } from "./meter.ts";
import { batchesOf, requestOf } from "./requests.ts";

export interface ClientOptions {
  /** The stream's address, `ws://…/v2/stream`; `http:` and `https:` are taken as `ws:` and `wss:`. */
  readonly url: string;
  /** Sent in IDENTIFY, asked for anew on each connection. */
  readonly auth?: unknown | (() => unknown);
  /** Rows of one view; a larger view is asked for again with this limit and says partial. Default 200,000. */
  readonly rowsMax?: number;
  /** How long a view without listeners is kept. Default 5,000. */
  readonly lingerMs?: number;
  readonly backoff?: Partial<Backoff>;
  /** Default: the platform's. */
  readonly WebSocket?: WebSocketConstructor;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A query that can be listened to. Handles are free; the view exists while someone listens. */
export interface LiveView<R = Row> {
  readonly query: Query;
  /** Calls back after each change; returns how to stop. Starts the view with its first listener. */
  subscribe(listener: () => void): () => void;
  /** The same object until something changed. */
  getSnapshot(): ViewSnapshot<R>;
  row(key: string): R | undefined;
}

export interface ConnectionSnapshot extends StreamRates {
  readonly state: ConnectionState;
  readonly transport: "websocket";
  /** The position of the last watermark, and the history that it is a position in. */
  readonly seq: number;
  readonly epoch: string | undefined;
  /** The oldest `as_of` of the server's sources: everything shown is at least as fresh, stale channels apart. */
  readonly asOf: number | undefined;
  /** When the server cut the last turn, by the server's clock. */
  readonly serverTimeMs: number | undefined;
  readonly roundTripMs: number | undefined;
  readonly clockOffsetMs: number;
}

/** Channels by name, with their rows' types. */
export type ClientChannels = Readonly<Record<string, TypedChannel<unknown>>>;

const METER_INTERVAL_MS = 1_000;

export class TidemarkClient<C extends ClientChannels = Record<string, TypedChannel<Row>>> {
  readonly #options: ClientOptions;
  readonly #clock: Clock;
  readonly #connection: Connection;
  readonly #views = new Map<string, ViewCore>();
  /** By the server's view id; two queries that differ here may be one view there. */
  readonly #seated = new Map<string, Set<ViewCore>>();
  readonly #lingering = new Map<ViewCore, Cancel>();
  readonly #requests = new Map<number, { readonly cores: readonly ViewCore[]; unanswered: number }>();
  readonly #meter = new Meter();
  readonly #listeners = new Set<() => void>();
  #identified: readonly ViewCore[] = [];
  #nextRequest = 1;
  #seq = 0;
  #epoch: string | undefined;
  #asOf: number | undefined;
  #serverTimeMs: number | undefined;
  #snapshot: ConnectionSnapshot | undefined;
  #rates: StreamRates;
  #metering: Cancel | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#rates = this.#meter.read(0);
    const WebSocket = options.WebSocket ?? (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
    if (WebSocket === undefined) {
      throw new TidemarkError("BAD_OPTION", "This platform has no WebSocket. Pass one: createClient({ url, WebSocket }) with the one from \"ws\".");
    }
    this.#connection = new Connection({
      url: options.url.replace(/^http/, "ws"),
      WebSocket,
      clock: this.#clock,
      random: options.random ?? systemRandom,
      ...(options.backoff && { backoff: options.backoff }),
      credentials: () => (typeof options.auth === "function" ? (options.auth as () => unknown)() : options.auth),
      identify: (credentials) => this.#identify(credentials),
      onMessage: (message, bytes) => this.#receive(message, bytes),
      onState: (state) => this.#onState(state),
    });
  }

  /**
   * A view of a query. Handles of equal queries share one view and its rows.
   * @throws TidemarkError `BAD_QUERY` for a query that no server would take
   */
  live<N extends keyof C & string>(query: Query<RowOf<C[N]>> & { readonly channel: N }): LiveView<RowOf<C[N]>> {
    const parsed = parseQuery(query);
    const id = JSON.stringify(parsed);
    const idle = new ViewCore(id, parsed).snapshot() as ViewSnapshot<RowOf<C[N]>>;
    return {
      query: parsed,
      subscribe: (listener) => this.#listen(id, parsed, listener),
      getSnapshot: () => (this.#views.get(id)?.snapshot() as ViewSnapshot<RowOf<C[N]>> | undefined) ?? idle,
      row: (key) => this.#views.get(id)?.store.row(key) as RowOf<C[N]> | undefined,
    };
  }

  /** Connects; happens by itself with the first view. */
  connect(): void {
    this.#connection.start();
  }

  /** Closes for good. Views keep their last rows and say stale. */
  close(): void {
    for (const cancel of this.#lingering.values()) cancel();
    this.#metering?.();
    this.#connection.stop();
  }

  /** Tell that the network is back, where the platform says so. */
  online(): void {
    this.#connection.online();
  }

  /** The connection, as an external store: about once a second, and when its state changes. */
  readonly connection = {
    subscribe: (listener: () => void): (() => void) => {
      this.#listeners.add(listener);
      if (this.#metering === undefined) this.#measure();
      return () => {
        this.#listeners.delete(listener);
        if (this.#listeners.size > 0) return;
        this.#metering?.();
        this.#metering = undefined;
      };
    },
    getSnapshot: (): ConnectionSnapshot => {
      this.#snapshot ??= {
        ...this.#rates,
        state: this.#connection.state,
        transport: "websocket",
        seq: this.#seq,
        epoch: this.#epoch,
        asOf: this.#asOf,
        serverTimeMs: this.#serverTimeMs,
        roundTripMs: this.#connection.roundTripMs,
        clockOffsetMs: this.#connection.clockOffsetMs,
      };
      return this.#snapshot;
    },
  };

  #listen(id: string, query: Query, listener: () => void): () => void {
    const core = this.#views.get(id) ?? this.#open(id, query);
    this.#lingering.get(core)?.();
    this.#lingering.delete(core);
    // Wrapped, so that the same function may listen twice.
    const entry = (): void => listener();
    core.listeners.add(entry);
    return () => {
      if (!core.listeners.delete(entry)) return;
      if (core.listeners.size > 0 || this.#lingering.has(core)) return;
      this.#lingering.set(core, this.#clock.after(this.#options.lingerMs ?? 5_000, () => this.#drop(core)));
    };
  }

  #open(id: string, query: Query): ViewCore {
    const core = new ViewCore(id, query);
    core.setReachability(reachabilityOf(this.#connection.state));
    this.#views.set(id, core);
    this.#connection.start();
    if (this.#connection.state.kind === "open") this.#subscribe([core]);
    return core;
  }

  #drop(core: ViewCore): void {
    this.#lingering.delete(core);
    this.#views.delete(core.id);
    this.#unseat(core);
  }

  #unseat(core: ViewCore): void {
    const sharers = core.viewId === undefined ? undefined : this.#seated.get(core.viewId);
    if (core.viewId === undefined || sharers?.delete(core) !== true || sharers.size > 0) return;
    this.#seated.delete(core.viewId);
    this.#connection.send({ op: "UNSUBSCRIBE", views: [core.viewId] });
  }

  /** As many subscriptions as one frame takes; the rest follows after READY. */
  #identify(credentials: unknown): Identify {
    this.#identified = batchesOf([...this.#views.values()])[0] ?? [];
    return {
      op: "IDENTIFY",
      ...(credentials !== undefined && { auth: credentials }),
      subscriptions: this.#identified.map((core) => requestOf(core)),
    };
  }

  #subscribe(cores: readonly ViewCore[]): void {
    for (const batch of batchesOf(cores)) {
      const id = this.#nextRequest++;
      this.#requests.set(id, { cores: batch, unanswered: batch.length });
      this.#connection.send({ op: "SUBSCRIBE", id, subscriptions: batch.map((core) => requestOf(core)) });
    }
  }

  #receive(message: DownMessage, bytes: number): void {
    this.#meter.noteBytes(bytes);
    if (message.op === "ERROR") return this.#onError(message);
    if (message.op !== "DISPATCH") return;
    switch (message.type) {
      case "READY":
        this.#epoch = message.epoch;
        // Views that were opened while IDENTIFY was on its way.
        this.#subscribeMissing();
        return;
      case "SUBSCRIBED":
        return this.#onSubscribed(message);
      case "SNAPSHOT":
        for (const core of this.#seated.get(message.view ?? message.channel) ?? []) {
          core.store.stageSnapshot(message);
          if (core.store.stagedRows > this.#rowsMax) this.#narrow(core);
        }
        return;
      case "DELTA_BATCH":
        for (const core of this.#seated.get(message.view ?? message.channel) ?? []) {
          if (core.store.stageDelta(message) === "gap") this.#resync(core);
        }
        return;
      case "CHANNEL_STATUS":
        for (const core of this.#views.values()) if (core.query.channel === message.channel) core.setChannelStatus(message);
        return;
      case "WATERMARK":
        return this.#onWatermark(message);
      case "NOTICE":
        // A RESET is followed by its snapshot, which says all that there is to do.
        return;
    }
  }

  #onSubscribed(message: Subscribed): void {
    const core = this.#requested(message);
    if (core === undefined || this.#views.get(core.id) !== core) {
      if (!this.#seated.has(message.view)) this.#connection.send({ op: "UNSUBSCRIBE", views: [message.view] });
      return;
    }
    core.store.configure(message, core.wireQuery.limit !== undefined);
    const sharers = this.#seated.get(message.view);
    if (sharers === undefined) this.#seated.set(message.view, new Set([core]));
    else sharers.add(core);
    core.seated(message);
  }

  #onError(message: ErrorMessage): void {
    const core = message.index === undefined ? undefined : this.#requested({ ...message, index: message.index });
    core?.failed({ code: message.code, message: message.message });
  }

  #requested({ id, index }: { readonly id?: number; readonly index: number }): ViewCore | undefined {
    if (id === undefined) return this.#identified[index];
    const request = this.#requests.get(id);
    if (request !== undefined && --request.unanswered === 0) this.#requests.delete(id);
    return request?.cores[index];
  }

  #onWatermark(watermark: Watermark): void {
    const nowMs = this.#clock.now();
    this.#seq = watermark.seq;
    this.#serverTimeMs = watermark.server_time_unix_ms;
    this.#asOf = Math.min(watermark.server_time_unix_ms, ...Object.values(watermark.as_of));
    let rows = 0;
    const news: ViewCore[] = [];
    for (const [viewId, cores] of this.#seated) {
      const isBehind = watermark.behind?.includes(viewId) === true;
      for (const core of cores) {
        const committed = isBehind ? core.commitBehind() : core.commit(watermark.seq, watermark.as_of, watermark.server_time_unix_ms);
        rows += committed.rows;
        if (committed.isNews) news.push(core);
        if (core.store.size > this.#rowsMax) this.#narrow(core);
      }
    }
    // Only now, when all views stand at the new position, may anyone look.
    for (const core of news) core.notify();
    this.#meter.noteRows(rows);
    if (watermark.oldest_commit_unix_ms !== undefined && rows > 0) {
      this.#meter.noteLatency(nowMs, nowMs + this.#connection.clockOffsetMs - watermark.oldest_commit_unix_ms);
    }
  }

  /** Subscribes again from where the view stands. */
  #resync(core: ViewCore): void {
    core.store.discardStaged();
    core.fellBehind();
    if (core.viewId !== undefined) this.#seated.get(core.viewId)?.delete(core);
    this.#subscribe([core]);
  }

  /** The view is larger than this client may hold: ask for its first rows only, and say so. */
  #narrow(core: ViewCore): void {
    if (core.narrowedTo !== undefined) return;
    this.#unseat(core);
    core.store.discardStaged();
    core.narrowedTo = this.#rowsMax;
    this.#subscribe([core]);
  }

  #subscribeMissing(): void {
    const missing = [...this.#views.values()].filter((core) => !this.#identified.includes(core));
    if (missing.length > 0) this.#subscribe(missing);
  }

  #onState(state: ConnectionState): void {
    if (state.kind !== "open") {
      this.#requests.clear();
      this.#seated.clear();
    }
    const reachability = reachabilityOf(state);
    for (const core of this.#views.values()) {
      if (state.kind !== "open") core.store.discardStaged();
      core.setReachability(reachability);
    }
    this.#notify();
  }

  #measure(): void {
    this.#rates = this.#meter.read(this.#clock.now());
    this.#notify();
    this.#metering = this.#clock.after(METER_INTERVAL_MS, () => this.#measure());
  }

  #notify(): void {
    this.#snapshot = undefined;
    for (const listener of this.#listeners) listener();
  }

  get #rowsMax(): number {
    return this.#options.rowsMax ?? 200_000;
  }
}

function reachabilityOf(state: ConnectionState): Reachability {
  switch (state.kind) {
    case "open":
      return { isOpen: true, reason: undefined };
    case "waiting":
    case "refused":
      return { isOpen: false, reason: state.reason };
    case "stopped":
      return { isOpen: false, reason: "the client was closed" };
    case "idle":
    case "connecting":
    case "greeting":
    case "identifying":
      return { isOpen: false, reason: "connecting" };
  }
}

/** Creates a client. `createClient<typeof channels>({ url })` types its queries and rows. */
export function createClient<C extends ClientChannels = Record<string, TypedChannel<Row>>>(options: ClientOptions): TidemarkClient<C> {
  return new TidemarkClient<C>(options);
}
