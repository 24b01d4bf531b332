/**
 * One node: tables, views, turns and sessions over a log, without HTTP or sockets. What carries
 * frames is handed to `connect`; time, chance and the log come in by constructor, so that a whole
 * node also runs under a simulated clock. It composes and owns lives; it holds no rules of its own.
 */
import type { Logger } from "pino";
import type { Cancel, Clock } from "../std/clock.ts";
import type { Random } from "../std/random.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { Log } from "../log/log.ts";
import { CLOSE } from "../protocol/close-codes.ts";
import type { InvalidSessionReason } from "../protocol/messages/invalid-session.ts";
import type { ResyncReason } from "../protocol/messages/resync.ts";
import type { Source, SourceContext } from "../sources/source.ts";
import type { Writer } from "../sources/writer.ts";
import { Replica } from "../table/replica.ts";
import type { Access } from "./session/access.ts";
import { HttpSnapshots } from "./session/http-snapshots.ts";
import { CATALOG, CATALOG_CHANNEL, catalogRights, Catalog } from "./catalog.ts";
import { ChannelStates } from "./turn/channel-states.ts";
import { ViewUpdateCache } from "./turn/view-update-cache.ts";
import { Gateway } from "./session/gateway.ts";
import { serverLimits, type Limits, type ServerLimits } from "./limits.ts";
import { InterestTracker } from "./interest-tracker.ts";
import { WriteVisibility } from "./mutations/write-visibility.ts";
import { LogFollower, type FindCheckpoint } from "./log-follower.ts";
import { MEMORY, MemoryWriter, type WriteChannels } from "./mutations/memory-writer.ts";
import type { MutationDefinition } from "./mutations/mutation.ts";
import { MutationQueue } from "./mutations/mutation-queue.ts";
import { MutationExecutor } from "./mutations/mutation-executor.ts";
import { JSON_DIALECT } from "./session/json-dialect.ts";
import { Policies, type Identity } from "./policies.ts";
import { SubscriptionOpener } from "./session/subscription-opener.ts";
import { Sender } from "./turn/sender.ts";
import { SessionTokens } from "./session/session-tokens.ts";
import type { ConnectionRequest, Dialect } from "./turn/dialect.ts";
import { Session, type Transport } from "./turn/session.ts";
import { SourceHost } from "./source-host.ts";
import { Subscribers } from "./turn/subscribers.ts";
import { Turns, type FlushReport } from "./turn/turns.ts";
import { TurnWriter } from "./turn/turn-writer.ts";
import { WorkQueue } from "./work-queue.ts";

/** What a node tells of itself, for metrics. */
export interface Observer {
  onSnapshot(buildMs: number): void;
  onFlush(report: FlushReport): void;
  onReset(reason: string): void;
  onResumed(outcome: "success" | InvalidSessionReason): void;
  onResync(reason: ResyncReason | undefined): void;
  onMutation(outcome: "written" | "rejected", ms: number): void;
}

export interface EngineOptions {
  readonly log: Log;
  /** Begin with a checkpoint in place of all commits up to it. Default: read everything. */
  readonly findCheckpoint?: FindCheckpoint | undefined;
  /** The program's own channels. */
  readonly declares?: readonly ChannelDeclaration[] | undefined;
  /** Resolves when a history store holds everything up to a seq. Default: there is none. */
  readonly durable?: ((seq: number) => Promise<void>) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly access: Pick<Access, "identify">;
  readonly observer: Observer;
  /** Signs session ids and keys the ids of views; shared by the nodes of a deployment. Default: this process's own. */
  readonly secret?: string | undefined;
  /** Who an identity is, apart from what it may do. Default: the identity. */
  readonly identityKey?: ((identity: Identity) => unknown) | undefined;
  /** Who is told everything of the server itself. Default: everyone. */
  readonly isOperator?: ((identity: Identity) => boolean) | undefined;
  readonly limits?: Omit<Limits, "log"> | undefined;
  /** What clients may ask to be written, where, and how the program's own channels are. */
  readonly mutations?: EngineMutations | undefined;
  /** How clients are spoken to, besides our own protocol. */
  readonly dialects?: readonly Dialect[] | undefined;
  /** Serve the catalog of channels as a live table. */
  readonly catalog?: boolean | undefined;
}

interface EngineMutations {
  readonly definitions: ReadonlyMap<string, MutationDefinition>;
  /** By the names of their sources. */
  readonly writers: ReadonlyMap<string, Writer>;
  /** How the program's own channels are written to; absent where it has none. */
  readonly writeChannels?: WriteChannels;
}

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
  readonly policies: Policies;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #updates: ViewUpdateCache;
  readonly #catalog: Catalog | undefined;
  readonly #host: SourceHost;
  readonly #opener: SubscriptionOpener;
  #tick: Cancel | undefined;
  #lastSecondMs = Number.NEGATIVE_INFINITY;

  constructor(options: EngineOptions) {
    const { log, clock, random, logger, observer, access } = options;
    const limits = serverLimits(options.limits?.server);
    const monotonic = (): number => clock.monotonic();
    const now = (): number => clock.now();
    const onSnapshot = (buildMs: number): void => observer.onSnapshot(buildMs);
    const onReset = (session: Session, view: string, reason: string): void => {
      observer.onReset(reason);
      logger.info({ session: session.id, view, reason }, "view reset");
    };
    const onFailure = (session: Session, failure: unknown): void => {
      logger.error(
        { err: failure, session: session.id, dialect: session.dialect.name },
        "a dialect failed",
      );
      session.transport.close(CLOSE.badMessage, "INTERNAL");
    };
    const secret = options.secret ?? random.id(32);
    const onFailed = (owner: object, failure: unknown): void => {
      logger.error({ err: failure }, "subscription failed");
      if (owner instanceof Session) owner.transport.close(CLOSE.badMessage, "INTERNAL");
    };
    const replica = new Replica(options.limits?.views, { node: random.id(8), secret });
    const isOperator = options.isOperator ?? (() => true);
    const policies = new Policies({
      replica,
      isOperator,
      onFailed: (channel, err) =>
        logger.error({ err, channel }, "a policy failed; it shows nothing"),
    });
    const states = new ChannelStates(replica);
    const follower = new LogFollower({
      log,
      replica,
      findCheckpoint: options.findCheckpoint,
      declares: options.declares,
    });
    const interest = new InterestTracker(clock);
    const subscribers = new Subscribers(interest);
    const updates = new ViewUpdateCache({
      limits,
      dialects: 1 + (options.dialects?.length ?? 0),
      monotonic,
      onSnapshot,
    });
    const writer = new TurnWriter({
      replica,
      updates,
      states,
      limits,
      now,
      monotonic,
      onReset,
      onFailure,
    });
    const turns = new Turns({
      clock,
      follower,
      replica,
      writer,
      limits,
      subscribers,
      onFlush: (report) => observer.onFlush(report),
    });
    const sender = new Sender(limits.socketBufferBytesMax, onFailure);
    const queue = new WorkQueue({ clock, sliceMs: limits.sliceMs, onFailed });
    const opener = new SubscriptionOpener({
      clock,
      replica,
      turns,
      subscribers,
      policies,
      limits,
      logger,
      sender,
      queue,
    });
    const definitions = options.mutations?.definitions ?? new Map<string, MutationDefinition>();
    const writers = writersOf(options, limits, replica, follower);
    const visibility = new WriteVisibility(replica, writers);
    const executor = new MutationExecutor({
      definitions,
      writers,
      replica,
      policies,
      logger,
      limits,
      identityKey: options.identityKey ?? ((identity) => identity),
    });
    const mutationQueue = new MutationQueue({
      clock,
      random,
      replica,
      visibility,
      writers,
      turns,
      limits,
      logger,
      executor,
      sender,
      onMutation: (outcome, ms) => observer.onMutation(outcome, ms),
    });
    const tokens = new SessionTokens({
      secret,
      epoch: () => replica.epoch,
      ttlMs: limits.resumeTokenTtlMs,
      revocationsMax: limits.revocationsMax,
      now,
    });
    const gateway = new Gateway({
      clock,
      random,
      follower,
      replica,
      turns,
      opener,
      mutationQueue,
      tokens,
      access,
      limits,
      logger,
      sender,
      events: observer,
    });
    const catalog = options.catalog === true ? new Catalog(replica, states) : undefined;
    if (catalog !== undefined) {
      replica.declareOwn(CATALOG, clock.now());
      policies.set(CATALOG_CHANNEL, (identity) =>
        isOperator(identity)
          ? "all"
          : catalogRights(policies.restricted(identity, CATALOG_CHANNEL)),
      );
    }
    this.log = log;
    this.limits = limits;
    this.replica = replica;
    this.policies = policies;
    this.states = states;
    this.follower = follower;
    this.httpSnapshots = new HttpSnapshots({
      replica,
      states,
      policies,
      limits,
      queue,
      monotonic,
      onBuild: onSnapshot,
    });
    this.writer = writer;
    this.turns = turns;
    this.subscribers = subscribers;
    this.visibility = visibility;
    this.mutationQueue = mutationQueue;
    this.gateway = gateway;
    this.#clock = clock;
    this.#logger = logger;
    this.#updates = updates;
    this.#opener = opener;
    this.#catalog = catalog;
    this.#host = new SourceHost({
      clock,
      random,
      logger,
      log,
      replica,
      interest,
      refuse: (refused) => catalog?.refuse(refused),
      durable: options.durable,
    });
    follower.onArrival(() => turns.newsArrived());
    follower.onEnding(() => gateway.restart(gateway.sessions));
    turns.onApplied(() => this.#onApplied());
  }

  /** What a source is given to work with, from where the log knows it to stand. */
  contextFor(source: Pick<Source, "name">): SourceContext {
    return this.#host.contextFor(source);
  }

  /** @throws TidemarkError `BAD_OPTION` for a name that is taken */
  claim(channel: string): void {
    this.#host.claim(channel, undefined);
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  /** A client of our own protocol. */
  connect(transport: Transport, request: ConnectionRequest): Session {
    return this.gateway.connect(transport, {
      request,
      dialect: JSON_DIALECT,
      connection: JSON_DIALECT.connect(request),
    });
  }

  /** Starts the periodic work, and resolves when the tables have caught up with the log. @throws what opening the log throws */
  start(): Promise<void> {
    if (this.#tick === undefined) this.#onTick();
    return this.follower.whenReady();
  }

  stop(): void {
    this.#tick?.();
    this.turns.stop();
    this.follower.stop();
  }

  /** The tables have moved, and nobody has been served yet. */
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
    // A log that is full or closed has no need of a tick, and the next second tries again.
    if (isIdle && hasAge) this.log.append({ changes: [] }).catch(() => {});
  }

  #renewCatalog(nowMs: number): void {
    if (this.#catalog === undefined) return;
    const { upserts, removes } = this.#catalog.changes(nowMs);
    if (upserts.length === 0 && removes.length === 0) return;
    this.replica.changeOwn(CATALOG_CHANNEL, upserts, removes, this.#clock.now());
    this.turns.newsArrived();
  }
}

/** The writers that run mutations, by source: those of the sources, and one for the program's own channels where there are such mutations. */
function writersOf(
  { mutations, logger }: EngineOptions,
  limits: ServerLimits,
  replica: Replica,
  follower: LogFollower,
): ReadonlyMap<string, Writer> {
  const writers = new Map(mutations?.writers);
  const writeChannels = mutations?.writeChannels;
  if (writeChannels === undefined) return writers;
  const caughtUp = (): Promise<void> => follower.reached(follower.head);
  const onFailed = (id: string, error: unknown): void =>
    logger.error({ mutation: id, err: error }, "mutation failed");
  return writers.set(
    MEMORY,
    new MemoryWriter({
      replica,
      writeChannels,
      head: () => follower.head,
      caughtUp,
      limits,
      onFailed,
    }),
  );
}
