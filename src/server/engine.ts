/**
 * One node: tables, views, turns and sessions over a log, without HTTP or sockets. Transports are
 * passed to `connect`; time, randomness and the log are passed to the constructor, so that a whole
 * node also runs under a simulated clock. The engine starts and stops its parts and runs their
 * periodic work; the parts have the rules.
 */
import type { Logger } from "pino";
import type { Cancel, Clock } from "../std/clock.ts";
import type { HistoryHost } from "../history/history-host.ts";
import type { Log } from "../log/log.ts";
import type { Source, SourceContext } from "../sources/source.ts";
import type { Replica } from "../table/replica.ts";
import { CATALOG, CATALOG_CHANNEL, catalogRights, Catalog } from "./catalog.ts";
import type { EngineOptions } from "./engine-options.ts";
import { createMutations, createSessions, createTables, createTurns } from "./engine-parts.ts";
import { serverLimits, type ServerLimits } from "./limits.ts";
import type { LogFollower } from "./log-follower.ts";
import type { MutationQueue } from "./mutations/mutation-queue.ts";
import type { WriteVisibility } from "./mutations/write-visibility.ts";
import type { Policies } from "./policies.ts";
import type { Gateway } from "./session/gateway.ts";
import type { HttpSnapshots } from "./session/http-snapshots.ts";
import { JSON_DIALECT } from "./session/json-dialect.ts";
import type { SessionTokens } from "./session/session-tokens.ts";
import type { SubscriptionOpener } from "./session/subscription-opener.ts";
import { SourceHost } from "./source-host.ts";
import type { ChannelStates } from "./turn/channel-states.ts";
import type { ConnectionRequest } from "./turn/dialect.ts";
import type { Session, Transport } from "./turn/session.ts";
import type { Subscribers } from "./turn/subscribers.ts";
import type { Turns } from "./turn/turns.ts";
import type { TurnWriter } from "./turn/turn-writer.ts";
import type { ViewUpdateCache } from "./turn/view-update-cache.ts";

const SECOND_MS = 1_000;

export class Engine {
  readonly log: Log;
  readonly limits: ServerLimits;
  readonly replica: Replica;
  readonly states: ChannelStates;
  readonly follower: LogFollower;
  readonly httpSnapshots: HttpSnapshots;
  readonly writer: TurnWriter;
  readonly turns: Turns;
  readonly subscribers: Subscribers;
  readonly visibility: WriteVisibility;
  readonly mutationQueue: MutationQueue;
  readonly gateway: Gateway;
  readonly tokens: SessionTokens;
  readonly policies: Policies;
  readonly history: HistoryHost | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #updates: ViewUpdateCache;
  readonly #catalog: Catalog | undefined;
  readonly #host: SourceHost;
  readonly #sources = new Set<Pick<Source, "name" | "stats">>();
  readonly #opener: SubscriptionOpener;
  #tick: Cancel | undefined;
  #lastSecondMs = Number.NEGATIVE_INFINITY;

  constructor(given: EngineOptions) {
    const { clock, random, logger, log, catalog, durable, roomFor } = given;
    const options = { ...given, secret: given.secret ?? random.id(32) };
    const limits = serverLimits(options.limits?.server);
    const tables = createTables(options, options.secret);
    const turnParts = createTurns(options, limits, tables);
    const { visibility, mutationQueue } = createMutations(options, limits, tables, turnParts);
    const sessions = createSessions(options, limits, tables, turnParts, mutationQueue);
    this.log = log;
    this.history = given.history;
    this.limits = limits;
    this.replica = tables.replica;
    this.policies = tables.policies;
    this.states = tables.states;
    this.follower = tables.follower;
    this.subscribers = tables.subscribers;
    this.httpSnapshots = sessions.httpSnapshots;
    this.gateway = sessions.gateway;
    this.tokens = sessions.tokens;
    this.writer = turnParts.writer;
    this.turns = turnParts.turns;
    this.visibility = visibility;
    this.mutationQueue = mutationQueue;
    this.#clock = clock;
    this.#logger = logger;
    this.#updates = turnParts.updates;
    this.#opener = sessions.opener;
    this.#catalog = catalog === true ? this.#createCatalog() : undefined;
    this.#host = new SourceHost({
      clock,
      random,
      logger,
      log,
      replica: this.replica,
      interest: tables.interest,
      refuse: (refused) => this.#catalog?.refuse(refused),
      durable,
      roomFor,
    });
    this.follower.onArrival(() => this.turns.newsArrived());
    this.follower.onEnding(() => this.gateway.restart(this.gateway.sessions));
    this.turns.onApplied(() => this.#onApplied());
  }

  /** The context of a source, beginning at its source position in the log. */
  contextFor(source: Pick<Source, "name" | "stats">): SourceContext {
    this.#sources.add(source);
    return this.#host.contextFor(source);
  }

  /** By name: what sources do at present. */
  get sourceStats(): Readonly<Record<string, object>> {
    return Object.fromEntries(
      Array.from(this.#sources, ({ name, stats }) => [name, stats] as const).filter(
        (entry): entry is readonly [string, object] => entry[1] !== undefined,
      ),
    );
  }

  /** @throws TidemarkError `BAD_OPTION` for a name that is taken */
  claim(channel: string): void {
    this.#host.claim(channel, undefined);
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  /** Connects a client of Tidemark's own protocol. */
  connect(transport: Transport, request: ConnectionRequest): Session {
    return this.gateway.connect(transport, {
      request,
      dialect: JSON_DIALECT,
      connection: JSON_DIALECT.connect(request),
    });
  }

  /**
   * Starts the periodic work, and resolves when the tables have caught up with the log. @throws
   * the errors of opening the log
   */
  start(): Promise<void> {
    if (this.#tick === undefined) this.#onTick();
    return this.follower.whenReady();
  }

  stop(): void {
    this.#tick?.();
    this.turns.stop();
    this.follower.stop();
  }

  /** The tables are at a new seq, and no session has been served yet. */
  #onApplied(): void {
    const { replica, states, subscribers, gateway, visibility } = this;
    visibility.applied();
    this.#endRefused();
    const watchers = replica.takeGone().flatMap((view) => [...subscribers.of(view)]);
    if (watchers.length > 0) gateway.restart(watchers);
    for (const channel of replica.takeTold()) {
      const state = replica.stateOf(channel);
      this.#logger.info(
        { channel, status: state?.status, reason: state?.reason },
        "channel status",
      );
      states.renew(channel);
      this.#serveWatchersOf(channel);
    }
  }

  #endRefused(): void {
    for (const refused of this.replica.takeRefused()) {
      this.#logger.warn(
        { view: refused.view.id, channel: refused.view.channel, code: refused.error.code },
        refused.error.message,
      );
      this.#opener.end(refused);
    }
  }

  #serveWatchersOf(channel: string): void {
    for (const session of this.subscribers.ofChannel(channel)) this.turns.serve(session);
  }

  #onTick(): void {
    this.writer.expireWatermark();
    this.gateway.tick();
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#lastSecondMs >= SECOND_MS) {
      this.#lastSecondMs = nowMs;
      this.#everySecond(nowMs);
    }
    this.#tick = this.#clock.after(this.limits.tickMs, () => this.#onTick());
  }

  #everySecond(nowMs: number): void {
    const { replica, follower } = this;
    this.#updates.sweep();
    this.httpSnapshots.sweep();
    replica.sweep(nowMs);
    this.#endRefused();
    for (const channel of this.states.refreshSizes()) this.#serveWatchersOf(channel);
    this.#renewCatalog(nowMs);
    const isIdle =
      this.#clock.now() - replica.timeMs >= SECOND_MS &&
      follower.isReady &&
      follower.head === replica.seq;
    const hasAge = [...replica.tables].some(
      ({ channel }) => channel.bounds.ageMsMax < Number.POSITIVE_INFINITY,
    );
    // A log that is full or closed needs no tick, and the next tick is a second later.
    if (isIdle && hasAge) this.log.append({ changes: [] }).catch(() => {});
  }

  #createCatalog(): Catalog {
    const { policies, replica } = this;
    replica.declareOwn(CATALOG, this.#clock.now());
    policies.set(CATALOG_CHANNEL, (identity) =>
      policies.isOperator(identity)
        ? "all"
        : catalogRights(policies.restricted(identity, CATALOG_CHANNEL)),
    );
    return new Catalog(replica, this.states, this.history);
  }

  #renewCatalog(nowMs: number): void {
    if (this.#catalog === undefined) return;
    const { upserts, removes } = this.#catalog.changes(nowMs);
    if (upserts.length === 0 && removes.length === 0) return;
    this.replica.changeOwn(CATALOG_CHANNEL, upserts, removes, this.#clock.now());
    this.turns.newsArrived();
  }
}
