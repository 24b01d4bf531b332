/**
 * A node of the simulation: a whole engine over the shared log. It may also run the reader of a
 * source.
 */
import { pino } from "pino";
import type { Random } from "../src/std/random.ts";
import { Engine } from "../src/server/engine.ts";
import { NO_OBSERVER } from "../src/server/engine-options.ts";
import { Routes } from "../src/server/http/routes.ts";
import { StreamRoutes } from "../src/server/http/stream-routes.ts";
import type { ConnectionRequest } from "../src/server/turn/dialect.ts";
import type { Identity } from "../src/server/policies.ts";
import type { Link } from "./network.ts";
import { DATABASE, type SimDatabase } from "./database.ts";
import type { FaultCounts } from "./faults.ts";
import { derivations } from "./derived.ts";
import { ActorClock, type Scheduler } from "./scheduler.ts";
import { NodeLog, type SharedLog } from "./shared-log.ts";
import {
  VERSIONED_SOURCE,
  VersionedSourceReader,
  type VersionedSource,
} from "./versioned-source.ts";
import { OWN_DECLARATIONS, type Identified, type Rights } from "./workload.ts";
import { DEFINITIONS } from "./writers.ts";

const SILENT = pino({ level: "silent" });

export interface SimNodeOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: FaultCounts;
  readonly log: SharedLog;
  readonly delayMs: () => number;
  readonly skewMs: number;
  readonly rights: Rights;
  readonly hasDerived: boolean;
  readonly database: SimDatabase;
  readonly versionedSource: VersionedSource;
  /** The simulated time in Unix milliseconds. */
  readonly nowMs: () => number;
  /** The node looks up a user's rights, which takes `lookUpMs`. */
  readonly onLookUp: (user: string, lookUpMs: number) => void;
}

export class SimNode {
  readonly clock: ActorClock;
  readonly engine: Engine;
  readonly routes: Routes;
  readonly streamRoutes: StreamRoutes;
  readonly links = new Set<Link>();
  isAlive = true;
  reader: VersionedSourceReader | undefined;
  readonly #options: SimNodeOptions;

  constructor(options: SimNodeOptions) {
    const { scheduler, random, faults, log, delayMs, skewMs, rights, database } = options;
    const { hasDerived } = options;
    this.#options = options;
    this.clock = new ActorClock(scheduler, { skewMs, costMs: 0.2 });
    const access = {
      identify: (_request: ConnectionRequest, auth: unknown) =>
        this.#identify((auth as { user: string }).user),
    };
    this.engine = new Engine({
      log: new NodeLog(log, this.clock, delayMs),
      clock: this.clock,
      random,
      declares: OWN_DECLARATIONS,
      derivations: hasDerived ? derivations() : [],
      logger: SILENT,
      observer: NO_OBSERVER,
      secret: "one for all nodes",
      identityKey: (identity) => (identity as Identified).user,
      access,
      findCheckpoint: (epoch) => {
        const checkpoint = log.checkpointOf(epoch);
        const isWanted = checkpoint !== undefined && (log.trimmedTo > 0 || random.next() < 0.6);
        if (isWanted) faults.happens("node begins with a checkpoint");
        return isWanted ? checkpoint : undefined;
      },
      mutations: {
        definitions: DEFINITIONS,
        writers: new Map([[DATABASE, database.writer(this.clock)]]),
      },
      // Small limits, so that frames have parts and buffers fill.
      limits: {
        server: {
          frameBytesMax: 600,
          deltaBytesMax: 6_000,
          socketBufferBytesMax: 1_500,
          sliceMs: 2,
          digestIntervalMs: 2_000,
          slowConsumerMs: 1_000,
          heartbeatIntervalMs: 3_000,
          silenceMsMax: 9_000,
          identifyTimeoutMs: 4_000,
          aheadMsMax: 2_000,
          resumeTokenTtlMs: 20_000,
          drainMsMax: 200,
          flushIntervalMaxMs: 300,
        },
        views: {
          lingerMs: 3_000,
          tombstonesMax: 12,
          windowReserveRows: 2,
          windowStepsPerRowMax: 3,
        },
      },
    });
    this.engine.policies.set("orders", rights.policy);
    this.routes = new Routes({ engine: this.engine, access });
    this.streamRoutes = new StreamRoutes({ engine: this.engine, clock: this.clock });
    // When the log cannot be opened, the node tries again with the first client that identifies.
    this.engine.start().catch(() => {});
  }

  /**
   * Makes this node read the versioned source, as its leader, from the source position that the log
   * has.
   */
  lead(): void {
    const { versionedSource, random, faults, nowMs } = this.#options;
    this.reader?.stop();
    this.reader = new VersionedSourceReader({
      versionedSource,
      clock: this.clock,
      random,
      faults,
      nowMs,
      context: this.engine.contextFor({ name: VERSIONED_SOURCE }),
    });
  }

  kill(): void {
    this.isAlive = false;
    this.reader?.stop();
    this.engine.stop();
    this.clock.kill();
    for (const link of this.links) link.nodeDied();
    this.links.clear();
  }

  /** Rights are part of the identity; they are as of the start of the lookup. */
  async #identify(user: string): Promise<Identity> {
    const { rights, random, faults, onLookUp } = this.#options;
    const identity = rights.identityOf(user);
    if (random.next() >= 0.3 || !faults.happens("rights looked up slowly")) return identity;
    const lookUpMs = random.next() * 600;
    onLookUp(user, lookUpMs);
    await new Promise<void>((resolve) => this.clock.after(lookUpMs, resolve));
    return identity;
  }
}
