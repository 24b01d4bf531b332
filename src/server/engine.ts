/**
 * One node: tables, views, turns and sessions over a log, without HTTP or sockets. What carries
 * frames is handed to `connect`; time, chance and the log come in by constructor, so that a whole
 * node also runs under a simulated clock. It composes and owns lives; it holds no rules of its own.
 */
import type { Logger } from "pino";
import type { Cancel, Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import type { Random } from "../std/random.ts";
import type { CommitDraft, Log } from "../log/log.ts";
import type { InvalidSessionReason } from "../protocol/messages/invalid-session.ts";
import type { ResyncReason } from "../protocol/messages/resync.ts";
import type { Source, SourceContext } from "../sources/source.ts";
import type { Writer } from "../sources/writer.ts";
import type { ChannelDeclaration } from "../table/channel.ts";
import type { ViewLimits } from "../table/limits.ts";
import { Replica } from "../table/replica.ts";
import type { Access, ConnectionRequest, Policy } from "./access.ts";
import { Bootstrap } from "./bootstrap.ts";
import { CATALOG, CATALOG_CHANNEL, Catalog } from "./catalog.ts";
import { ChannelStates } from "./channel-states.ts";
import { CutCache } from "./cut-cache.ts";
import { Gateway } from "./gateway.ts";
import { SERVER_LIMITS, type ServerLimits } from "./limits.ts";
import { Landings } from "./landings.ts";
import type { MutationDefinition } from "./mutation.ts";
import { MutationDesk } from "./mutation-desk.ts";
import { MutationRunner, type WriteChannels } from "./mutation-runner.ts";
import { Seating } from "./seating.ts";
import { SessionTokens } from "./session-tokens.ts";
import type { Session, Transport } from "./session.ts";
import { SourceHost } from "./source-host.ts";
import { Turns, type FlushReport } from "./turns.ts";
import { TurnWriter } from "./turn-writer.ts";

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
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly access: Pick<Access, "identify">;
  readonly observer: Observer;
  /** Signs session ids; shared by the nodes of a deployment. Default: this process's own. */
  readonly secret?: string | undefined;
  readonly limits?: Partial<ServerLimits> | undefined;
  readonly viewLimits?: Partial<ViewLimits> | undefined;
  /** What clients may ask to be written, where, and how the program's own channels are. */
  readonly mutations?: EngineMutations | undefined;
  /** Serve the catalog of channels as a live table. */
  readonly catalog?: boolean | undefined;
}

export interface EngineMutations {
  readonly definitions: ReadonlyMap<string, MutationDefinition>;
  /** By the names of their sources. */
  readonly writers: ReadonlyMap<string, Writer>;
  readonly writeChannels: WriteChannels;
}

const noChannels: WriteChannels = () => Promise.reject(new TidemarkError("BAD_OPTION", "This server declares no channels of its own."));
const TICK_MS = 250;
const SECOND_MS = 1_000;

export class Engine {
  readonly log: Log;
  readonly limits: ServerLimits;
  readonly replica: Replica;
  readonly states: ChannelStates;
  readonly bootstrap: Bootstrap;
  readonly writer: TurnWriter;
  readonly turns: Turns;
  readonly seating: Seating;
  readonly landings: Landings;
  readonly desk: MutationDesk;
  readonly gateway: Gateway;
  readonly policies = new Map<string, Policy>();
  readonly #clock: Clock;
  readonly #cuts: CutCache;
  readonly #catalog: Catalog | undefined;
  readonly #host: SourceHost;
  readonly #stopListening: Cancel;
  #tick: Cancel | undefined;
  #lastSecondMs = Number.NEGATIVE_INFINITY;

  constructor(options: EngineOptions) {
    const { log, clock, random, logger, observer } = options;
    this.#clock = clock;
    this.log = log;
    this.limits = { ...SERVER_LIMITS, ...options.limits };
    const { limits } = this;
    this.replica = new Replica(options.viewLimits);
    this.states = new ChannelStates(this.replica);
    const { replica, states } = this;
    const monotonic = (): number => clock.monotonic();
    const now = (): number => clock.now();
    const onSnapshot = (buildMs: number): void => observer.onSnapshot(buildMs);
    this.#cuts = new CutCache({ limits, monotonic, onSnapshot });
    this.bootstrap = new Bootstrap({ epoch: log.epoch, replica, states, policies: this.policies, limits, monotonic, onBuild: onSnapshot });
    this.writer = new TurnWriter({
      epoch: log.epoch, replica, cuts: this.#cuts, states, limits, now, monotonic,
      onReset: (session, view, reason) => {
        observer.onReset(reason);
        logger.info({ session: session.id, view, reason }, "view reset");
      },
    });
    this.turns = new Turns({
      clock, log, replica, writer: this.writer, limits,
      subscribersOf: (view) => this.seating.subscribersOf(view),
      onApplied: () => {
        this.#host.applied();
        this.landings.applied();
      },
      onFlush: (report) => observer.onFlush(report),
    });
    const { definitions = new Map(), writers = new Map(), writeChannels = noChannels } = options.mutations ?? {};
    this.landings = new Landings(replica, writers);
    const { turns, landings } = this;
    this.desk = new MutationDesk({
      clock, random, log, landings, writers, turns, limits, logger,
      runner: new MutationRunner({ definitions, writers, writeChannels, log, replica, landings, policies: this.policies, logger }),
      send: (session, message) => this.gateway.send(session, message),
      onMutation: (outcome, ms) => observer.onMutation(outcome, ms),
    });
    const tokens = new SessionTokens({ secret: options.secret ?? random.id(32), epoch: log.epoch, ttlMs: limits.resumeTokenTtlMs, revocationsMax: limits.revocationsMax, now });
    this.seating = new Seating({ clock, log, replica, turns, policies: this.policies, limits, logger, send: (session, message) => this.gateway.send(session, message) });
    this.gateway = new Gateway({ clock, random, log, replica, turns, seating: this.seating, desk: this.desk, tokens, access: options.access, limits, logger, events: observer });
    this.#catalog = options.catalog === true ? new Catalog(replica, states) : undefined;
    this.#host = new SourceHost({
      clock, random, logger, log, replica, states,
      declare: (declaration, source) => this.declare(declaration, source),
      refuse: (refused) => this.#catalog?.refuse(refused),
      announce: (channel) => this.seating.announce(channel),
    });
    if (this.#catalog !== undefined) this.declare(CATALOG, undefined);
    this.#stopListening = log.onAppend(() => this.turns.commitArrived());
  }

  /** What a source is given to work with. */
  contextFor(source: Source): SourceContext {
    return this.#host.contextFor(source);
  }

  /** @throws TidemarkError `BAD_OPTION` for a name that is taken */
  declare(declaration: ChannelDeclaration, source: string | undefined): void {
    if (this.replica.table(declaration.name) !== undefined) {
      throw new TidemarkError("BAD_OPTION", `Channel "${declaration.name}" is declared twice.`);
    }
    this.replica.declare(declaration);
    this.states.add(declaration.name, source, this.#clock.now());
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  connect(transport: Transport, request: ConnectionRequest): Session {
    return this.gateway.connect(transport, request);
  }

  /** Starts the periodic work: watermarks for the idle, time-outs, sizes, sweeping. */
  start(): void {
    if (this.#tick === undefined) this.#onTick();
  }

  stop(): void {
    this.#tick?.();
    this.#stopListening();
    this.turns.stop();
  }

  #onTick(): void {
    this.writer.expireWatermark();
    this.gateway.tick();
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#lastSecondMs >= SECOND_MS) {
      this.#lastSecondMs = nowMs;
      this.#everySecond(nowMs);
    }
    this.#tick = this.#clock.after(TICK_MS, () => this.#onTick());
  }

  #everySecond(nowMs: number): void {
    this.#cuts.sweep();
    this.bootstrap.sweep();
    this.replica.sweep(nowMs);
    for (const channel of this.states.refreshSizes()) this.seating.announce(channel);
    const rows = this.#catalog?.changes(nowMs) ?? [];
    if (rows.length > 0) {
      void this.#append([{ channel: CATALOG_CHANNEL, upserts: rows, removes: [] }]).then((isDone) => isDone || this.#catalog?.forget(rows));
    }
    const isIdle = this.#clock.now() - this.replica.timeMs >= SECOND_MS && this.log.head === this.replica.seq;
    const hasAge = [...this.replica.tables].some(({ channel }) => channel.bounds.ageMsMax < Number.POSITIVE_INFINITY);
    if (isIdle && hasAge) void this.#append([]);
  }

  /** For the server's own commits: when the log is full or closed, the next second tries again. */
  async #append(changes: CommitDraft["changes"]): Promise<boolean> {
    try {
      await this.log.append({ changes });
      return true;
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      return false;
    }
  }
}
