/** A node in the simulation: a whole engine over a shared log, with a source whose health can be taken away. */
import { pino } from "pino";
import type { Random } from "../src/std/random.ts";
import { Engine, type Observer } from "../src/server/engine.ts";
import type { Policy } from "../src/server/access.ts";
import type { Source, SourceContext } from "../src/sources/source.ts";
import type { ChannelDeclaration } from "../src/table/channel.ts";
import type { Link } from "./network.ts";
import { DATABASE, type SimDatabase } from "./database.ts";
import { ActorClock, type Scheduler } from "./scheduler.ts";
import type { SharedLog } from "./shared-log.ts";
import { DEFINITIONS } from "./writers.ts";

export const SOURCE = "warehouse";

const SILENT = pino({ level: "silent" });
const NOBODY: Observer = { onSnapshot: () => {}, onFlush: () => {}, onReset: () => {}, onResumed: () => {}, onResync: () => {}, onMutation: () => {} };

export interface SimNodeOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly log: SharedLog;
  readonly delayMs: () => number;
  readonly skewMs: number;
  readonly declarations: readonly ChannelDeclaration[];
  /** Fed by the source; the others are the program's own. */
  readonly sourced: ReadonlySet<string>;
  readonly policies: ReadonlyMap<string, Policy>;
  readonly database: SimDatabase;
}

export class SimNode {
  readonly clock: ActorClock;
  readonly engine: Engine;
  readonly links = new Set<Link>();
  isAlive = true;
  #source: SourceContext | undefined;

  constructor({ scheduler, random, log, delayMs, skewMs, declarations, sourced, policies, database }: SimNodeOptions) {
    this.clock = new ActorClock(scheduler, { skewMs, costMs: 0.2 });
    this.engine = new Engine({
      log: log.reader(this.clock, delayMs),
      clock: this.clock,
      random,
      logger: SILENT,
      observer: NOBODY,
      secret: "one for all nodes",
      access: { identify: (_request, auth) => Promise.resolve(auth) },
      mutations: { definitions: DEFINITIONS, writers: new Map([[DATABASE, database.writer(this.clock)]]), writeChannels: () => Promise.reject(new Error("no channels")) },
      // Small bounds, so that everything has parts and every buffer fills.
      limits: {
        frameBytesMax: 600, deltaBytesMax: 6_000, socketBufferBytesMax: 1_500, sliceMs: 2, digestIntervalMs: 2_000, slowConsumerMs: 1_000,
        heartbeatIntervalMs: 3_000, silenceMsMax: 9_000, identifyTimeoutMs: 4_000, aheadMsMax: 2_000, resumeTokenTtlMs: 20_000, drainMsMax: 200, flushIntervalMaxMs: 300,
      },
      viewLimits: { lingerMs: 3_000, tombstonesMax: 12 },
    });
    for (const [channel, policy] of policies) this.engine.policies.set(channel, policy);
    const source: Source = { name: SOURCE, start: () => Promise.resolve(), stop: () => Promise.resolve() };
    this.#source = this.engine.contextFor(source);
    for (const declaration of declarations) {
      if (sourced.has(declaration.name)) this.#source.declare(declaration);
      else this.engine.declare(declaration, undefined);
    }
    this.setSourceHealth(true);
    this.engine.start();
  }

  setSourceHealth(isHealthy: boolean): void {
    this.#source?.setStatus(isHealthy ? { status: "live" } : { status: "stale", reason: "the warehouse does not answer" });
    if (isHealthy) this.#source?.setAsOf(this.clock.now());
  }

  kill(): void {
    this.isAlive = false;
    this.engine.stop();
    this.clock.kill();
    this.#source = undefined;
    for (const link of this.links) link.nodeDied();
    this.links.clear();
  }
}
