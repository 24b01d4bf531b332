/**
 * The composition root: builds log, replica, gateway and turns from options and owns their lives.
 * It holds no rules of its own.
 */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino, type Logger } from "pino";
import { systemClock, type Cancel, type Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import { systemRandom, type Random } from "../std/random.ts";
import type { CommitDraft } from "../log/log.ts";
import type { LogLimits } from "../log/limits.ts";
import { MemoryLog } from "../log/memory.ts";
import type { RowOf } from "../protocol/typed-channel.ts";
import type { Source } from "../sources/source.ts";
import type { ChannelDeclaration } from "../table/channel.ts";
import type { ViewLimits } from "../table/limits.ts";
import { Replica } from "../table/replica.ts";
import { Access, type Authenticate, type Policy } from "./access.ts";
import { Bootstrap } from "./bootstrap.ts";
import { CATALOG, CATALOG_CHANNEL, Catalog } from "./catalog.ts";
import { checkRow, declarationOf, Transaction, type ChannelDefinition } from "./channel.ts";
import { ChannelStates } from "./channel-states.ts";
import { CutCache } from "./cut-cache.ts";
import { Gateway } from "./gateway.ts";
import { createHttp, PATHS, type Paths } from "./http.ts";
import { SERVER_LIMITS, type ServerLimits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import { mount } from "./mount.ts";
import { createMetrics } from "./readings.ts";
import { SourceHost } from "./source-host.ts";
import { Turns } from "./turns.ts";
import { TurnWriter } from "./turn-writer.ts";
import { WebSocketDoor } from "./websocket.ts";

export type Channels = Readonly<Record<string, ChannelDefinition<unknown>>>;

export interface TidemarkOptions<C extends Channels = Channels> {
  /** Channels that this program writes. Sources bring their own. */
  readonly channels?: C;
  readonly sources?: readonly Source[];
  /** Default: everyone may connect, so bind to an address that only you can reach. */
  readonly authenticate?: Authenticate;
  /** Policies of channels that sources declare, by name. */
  readonly policies?: Readonly<Record<string, Policy>>;
  /** Origins of pages that may connect, besides the server's own. */
  readonly allowedOrigins?: readonly string[];
  readonly paths?: Partial<Paths>;
  /** Serve the live table `tidemark.channels`: one row per channel with size, rate and status. */
  readonly catalog?: boolean;
  /** A folder of static files to serve at `/`. */
  readonly assets?: string;
  readonly limits?: Partial<ServerLimits>;
  readonly viewLimits?: Partial<ViewLimits>;
  readonly logLimits?: Partial<LogLimits>;
  /** Default: pino at level `info` on standard error. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

export interface ListenOptions {
  /** Default 8080; 0 takes a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Allow a bind that others can reach although there is no `authenticate`. */
  readonly allowPublic?: boolean;
}

/** Writes to one channel. Every call is one commit and returns its seq. */
export interface ChannelHandle<R> {
  /** @throws TidemarkError `BAD_ROW` before anything is written, `LOG_FULL`, `STOPPED` */
  upsert(rows: R | readonly R[]): Promise<number>;
  remove(keys: string | readonly string[]): Promise<number>;
  get(key: string): R | undefined;
  readonly size: number;
}

/** Writes to several channels in one commit. */
export interface TransactionHandle<C extends Channels> {
  upsert<N extends keyof C & string>(channel: N, rows: RowOf<C[N]> | readonly RowOf<C[N]>[]): void;
  remove(channel: keyof C & string, keys: string | readonly string[]): void;
}

const TICK_MS = 250;
const SECOND_MS = 1_000;

export class Tidemark<C extends Channels = Channels> {
  readonly epoch: string;
  readonly #options: TidemarkOptions<C>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #limits: ServerLimits;
  readonly #log: MemoryLog;
  readonly #replica: Replica;
  readonly #states: ChannelStates;
  readonly #cuts: CutCache;
  readonly #bootstrap: Bootstrap;
  readonly #writer: TurnWriter;
  readonly #turns: Turns;
  readonly #gateway: Gateway;
  readonly #metrics: Metrics;
  readonly #catalog: Catalog | undefined;
  readonly #host: SourceHost;
  readonly #policies: Map<string, Policy>;
  readonly #declarations = new Map<string, ChannelDeclaration>();
  readonly #servers = new Set<Server>();
  #timers: Cancel[] = [];
  #started: Promise<void> | undefined;
  #isReady = false;
  #isStopped = false;
  #lastSecondMs = Number.NEGATIVE_INFINITY;

  constructor(options: TidemarkOptions<C> = {}) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
    this.#logger = options.logger ?? pino({ name: "tidemark" }, pino.destination(2));
    this.#limits = { ...SERVER_LIMITS, ...options.limits };
    this.#log = new MemoryLog({ clock: this.#clock, random: this.#random, ...(options.logLimits && { limits: options.logLimits }) });
    this.epoch = this.#log.epoch;
    this.#replica = new Replica(options.viewLimits);
    this.#states = new ChannelStates(this.#replica);
    this.#policies = new Map(Object.entries(options.policies ?? {}));
    const monotonic = (): number => this.#clock.monotonic();
    const onSnapshot = (buildMs: number): void => this.#metrics.snapshotBuildMs.observe(buildMs);
    this.#cuts = new CutCache({ limits: this.#limits, monotonic, onSnapshot });
    this.#bootstrap = new Bootstrap({ epoch: this.epoch, replica: this.#replica, states: this.#states, policies: this.#policies, limits: this.#limits, monotonic, onBuild: onSnapshot });
    this.#writer = new TurnWriter({
      epoch: this.epoch,
      replica: this.#replica,
      cuts: this.#cuts,
      states: this.#states,
      limits: this.#limits,
      now: () => this.#clock.now(),
      onReset: (session, view, reason) => {
        this.#metrics.resets.inc({ reason });
        this.#logger.info({ session: session.id, view, reason }, "view reset");
      },
    });
    this.#turns = new Turns({
      clock: this.#clock,
      log: this.#log,
      replica: this.#replica,
      writer: this.#writer,
      limits: this.#limits,
      subscribersOf: (view) => this.#gateway.subscribersOf(view),
      onApplied: () => this.#host.applied(),
      onFlush: ({ servingMs, dispatchMs, isOverrun }) => {
        this.#metrics.flushServingMs.observe(servingMs);
        if (dispatchMs !== undefined) this.#metrics.dispatchLatencyMs.observe(dispatchMs);
        if (isOverrun) this.#metrics.flushOverruns.inc();
      },
    });
    this.#gateway = new Gateway({
      clock: this.#clock,
      random: this.#random,
      log: this.#log,
      replica: this.#replica,
      turns: this.#turns,
      access: new Access({ authenticate: options.authenticate, allowedOrigins: options.allowedOrigins }),
      policies: this.#policies,
      limits: this.#limits,
      logger: this.#logger,
    });
    this.#metrics = createMetrics({ log: this.#log, replica: this.#replica, gateway: this.#gateway, turns: this.#turns, stats: this.#writer.stats });
    this.#catalog = options.catalog === true ? new Catalog(this.#replica, this.#states) : undefined;
    this.#host = new SourceHost({
      clock: this.#clock,
      random: this.#random,
      logger: this.#logger,
      log: this.#log,
      replica: this.#replica,
      states: this.#states,
      declare: (declaration, source) => this.#declare(declaration, source),
      refuse: (refused) => this.#catalog?.refuse(refused),
      announce: (channel) => this.#gateway.announce(channel),
    });
    this.#declareOwn();
    this.#log.onAppend(() => this.#turns.commitArrived());
  }

  /** Starts the sources and the clocks. Called by `listen`; call it yourself with `attach`. */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /** A channel declared in `channels`. @throws TidemarkError `UNKNOWN_CHANNEL` */
  channel<N extends keyof C & string>(name: N): ChannelHandle<RowOf<C[N]>> {
    const declaration = this.#own(name);
    const rows = (): ReturnType<Replica["table"]> => this.#replica.table(declaration.name);
    return {
      upsert: (input) => this.transact((transaction) => transaction.upsert(name, input)),
      remove: (keys) => this.transact((transaction) => transaction.remove(name, keys)),
      get: (key) => rows()?.rows.get(key)?.row as RowOf<C[N]> | undefined,
      get size() {
        return rows()?.rows.size ?? 0;
      },
    };
  }

  /**
   * One commit over several channels: clients see all of it or nothing. Returns its seq.
   * @throws TidemarkError `BAD_ROW`, `UNKNOWN_CHANNEL` before anything is written, `LOG_FULL`, `STOPPED`
   */
  async transact(fill: (transaction: TransactionHandle<C>) => void): Promise<number> {
    const transaction = new Transaction();
    fill({
      upsert: (name, rows) => {
        const declaration = this.#own(name);
        const schema = this.#options.channels?.[name]?.row;
        for (const input of Array.isArray(rows) ? (rows as readonly unknown[]) : [rows]) {
          const { key, row } = checkRow(declaration, schema, input);
          transaction.note(name, key, row);
        }
      },
      remove: (name, keys) => {
        this.#own(name);
        for (const key of typeof keys === "string" ? [keys] : keys) transaction.note(name, key, undefined);
      },
    });
    return this.#log.append(transaction.draft());
  }

  /**
   * Starts, and serves on a port of its own.
   * @throws TidemarkError `PORT_IN_USE`, `PUBLIC_BIND`, and what a source's start throws
   */
  async listen({ port = 8080, host = "127.0.0.1", allowPublic = false }: ListenOptions = {}): Promise<{ url: string; port: number }> {
    if (!isLoopback(host) && this.#options.authenticate === undefined && !allowPublic) {
      throw new TidemarkError("PUBLIC_BIND", `Binding ${host} shows every channel to whoever can reach it. Pass authenticate, or allow it (allowPublic, --allow-public).`);
    }
    await this.start();
    const server = createServer();
    this.#mount(server, host, undefined);
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) => reject(listenError(cause, host, port)));
      server.listen(port, host, resolve);
    });
    this.#servers.add(server);
    const bound = (server.address() as AddressInfo).port;
    const shown = host === "0.0.0.0" || host === "::" || isLoopback(host) ? "localhost" : host;
    return { url: `http://${shown}:${bound}`, port: bound };
  }

  /** Serves on an existing server, beside whatever it does already. Call `start()` too. */
  attach(server: Server): void {
    const others = server.listeners("request") as RequestListener[];
    server.removeAllListeners("request");
    this.#mount(server, undefined, (request, response) => {
      for (const listener of others) listener.call(server, request, response);
    });
  }

  /** Closes connections, sources, and servers that `listen` opened. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#isReady = false;
    for (const cancel of this.#timers) cancel();
    this.#turns.stop();
    await Promise.all((this.#options.sources ?? []).map((source) => source.stop()));
    this.#log.close();
    this.#gateway.closeAll();
    await Promise.all([...this.#servers].map(closeServer));
  }

  async #start(): Promise<void> {
    this.#tick();
    await Promise.all((this.#options.sources ?? []).map((source) => source.start(this.#host.contextFor(source))));
    this.#isReady = true;
  }

  #declareOwn(): void {
    if (this.#catalog !== undefined) this.#declare(CATALOG, undefined);
    for (const [name, definition] of Object.entries(this.#options.channels ?? {})) {
      this.#declare(declarationOf(name, definition), undefined);
      if (definition.policy !== undefined) this.#policies.set(name, definition.policy);
    }
  }

  #declare(declaration: ChannelDeclaration, source: string | undefined): void {
    if (this.#replica.table(declaration.name) !== undefined) {
      throw new TidemarkError("BAD_OPTION", `Channel "${declaration.name}" is declared twice.`);
    }
    this.#replica.declare(declaration);
    this.#states.add(declaration.name, source, this.#clock.now());
    if (source === undefined) this.#declarations.set(declaration.name, declaration);
  }

  #own(name: string): ChannelDeclaration {
    const declaration = this.#declarations.get(name);
    if (declaration !== undefined && name !== CATALOG_CHANNEL) return declaration;
    throw new TidemarkError("UNKNOWN_CHANNEL", `This program declares no channel "${name}".`);
  }

  #tick(): void {
    this.#writer.expireWatermark();
    this.#gateway.tick();
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#lastSecondMs >= SECOND_MS) {
      this.#lastSecondMs = nowMs;
      this.#everySecond(nowMs);
    }
    this.#timers = [this.#clock.after(TICK_MS, () => this.#tick())];
  }

  #everySecond(nowMs: number): void {
    this.#cuts.sweep();
    this.#bootstrap.sweep();
    this.#replica.sweep(nowMs);
    for (const channel of this.#states.refreshSizes()) this.#gateway.announce(channel);
    const rows = this.#catalog?.changes(nowMs) ?? [];
    if (rows.length > 0) {
      void this.#append([{ channel: CATALOG_CHANNEL, upserts: rows, removes: [] }]).then((isDone) => isDone || this.#catalog?.forget(rows));
    }
    const isIdle = this.#clock.now() - this.#replica.timeMs >= SECOND_MS && this.#log.head === this.#replica.seq;
    const hasAge = [...this.#replica.tables].some(({ channel }) => channel.bounds.ageMsMax < Number.POSITIVE_INFINITY);
    if (isIdle && hasAge) void this.#append([]);
  }

  /** For the server's own commits: when the log is full or closed, the next second tries again. */
  async #append(changes: CommitDraft["changes"]): Promise<boolean> {
    try {
      await this.#log.append({ changes });
      return true;
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      return false;
    }
  }

  #mount(server: Server, host: string | undefined, others: RequestListener | undefined): void {
    const { authenticate, allowedOrigins, assets } = this.#options;
    const paths = { ...PATHS, ...this.#options.paths };
    const access = new Access({ authenticate, allowedOrigins, host });
    const app = createHttp({
      access,
      paths,
      epoch: this.epoch,
      replica: this.#replica,
      policies: this.#policies,
      bootstrap: this.#bootstrap,
      metrics: this.#metrics,
      isReady: () => this.#isReady,
      stats: () => this.stats(),
      assets: others === undefined ? assets : undefined,
      onInternalError: (error) => this.#logger.error({ err: error }, "request failed"),
    });
    const canConnect = (): boolean => !this.#isStopped && this.#gateway.sessionCount < this.#limits.connectionsMax;
    mount(server, { app, access, paths, others, canConnect, door: new WebSocketDoor(this.#gateway, this.#clock) });
  }

  /** What `/stats` shows. */
  stats(): Record<string, unknown> {
    const { turns, frames, bytes, resets } = this.#writer.stats;
    return {
      epoch: this.epoch,
      seq: this.#replica.seq,
      log_head: this.#log.head,
      is_ready: this.#isReady,
      sessions: this.#gateway.sessionCount,
      subscriptions: this.#gateway.subscriptionCount,
      views: this.#replica.viewCount,
      view_entries: this.#replica.viewEntries,
      flush_interval_ms: this.#turns.intervalMs,
      sent: { turns, frames, bytes },
      resets: Object.fromEntries(resets),
      as_of: this.#states.asOf,
      channels: this.#states.messages.map(({ op: _op, type: _type, ...status }) => status),
    };
  }
}

/** Creates a server: declare channels, add sources, then `listen` or `attach`. */
export function createTidemark<C extends Channels = Channels>(options: TidemarkOptions<C> = {}): Tidemark<C> {
  return new Tidemark(options);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): TidemarkError {
  if (cause.code === "EADDRINUSE") {
    return new TidemarkError("PORT_IN_USE", `Port ${port} on ${host} is taken. Choose another (--port, or PORT), or stop what listens there.`, { cause });
  }
  return new TidemarkError("BAD_OPTION", `Can't listen on ${host}:${port}: ${cause.message}.`, { cause });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
