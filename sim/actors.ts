/**
 * Who changes data in a run, besides the faults: the program, the database's other writers, users,
 * the readers of sources, and the nodes that store checkpoints.
 */
import type { Random } from "../src/std/random.ts";
import type { SimClient } from "./clients.ts";
import { DATABASE, type SimDatabase } from "./database.ts";
import type { FaultCounts } from "./faults.ts";
import type { SimNode } from "./node.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SharedLog } from "./shared-log.ts";
import type { VersionedSource } from "./versioned-source.ts";
import { rowOf } from "./writers.ts";
import { pick, randomDraft } from "./workload.ts";

export interface ActingWorld {
  readonly scheduler: Scheduler;
  readonly faults: FaultCounts;
  readonly chaosMs: number;
  readonly areFaultsActive: boolean;
  readonly database: SimDatabase;
  readonly versionedSource: VersionedSource;
  readonly log: SharedLog;
  readonly nodes: readonly SimNode[];
  readonly clients: readonly SimClient[];
  /** Random numbers of their own for each name. */
  fork(name: string): Random;
  append(
    draft: Parameters<SharedLog["append"]>[0],
    expect?: Parameters<SharedLog["append"]>[2],
  ): void;
}

export function write(world: ActingWorld): void {
  const random = world.fork("writer");
  const next = (): void => {
    world.append(randomDraft(random, world.faults));
    // Writes go on for a while after the faults, so that late effects show.
    if (world.scheduler.nowMs < world.chaosMs + 1_500)
      world.scheduler.at(
        world.scheduler.nowMs + (random.next() < 0.2 ? random.next() * 400 : random.next() * 60),
        next,
      );
  };
  next();
}

/** The reader of the database: it appends committed writes later, several at once. */
export function readDatabase(world: ActingWorld): void {
  const random = world.fork("reader");
  const next = (): void => {
    const draft = world.database.read(false);
    if (draft !== undefined)
      world.append(draft, {
        source: DATABASE,
        sourcePosition: world.log.sourcePositionOf(DATABASE),
      });
    world.scheduler.at(
      world.scheduler.nowMs + 4 + random.next() * (random.next() < 0.1 ? 400 : 30),
      next,
    );
  };
  next();
}

/**
 * The versioned source changes, and one node leads it; now and then another node believes that it
 * leads.
 */
export function runVersionedSource(world: ActingWorld): void {
  const random = world.fork("stock");
  const next = (): void => {
    if (world.scheduler.nowMs < world.chaosMs + 1_500 && random.next() < 0.7)
      world.versionedSource.change();
    const ready = world.nodes.filter(
      ({ isAlive, engine, clock }) => isAlive && engine.follower.isReady && !clock.isPaused,
    );
    const leaders = world.nodes.filter(({ reader }) => reader?.isLeading === true);
    const idle = ready.filter(({ reader }) => reader?.isLeading !== true);
    if (idle.length > 0 && leaders.length === 0) pick(random, idle).lead();
    else if (
      idle.length > 0 &&
      world.areFaultsActive &&
      random.next() < 0.05 &&
      world.faults.happens("two leaders")
    )
      pick(random, idle).lead();
    if (
      world.areFaultsActive &&
      random.next() < 0.01 &&
      leaders[0] !== undefined &&
      world.faults.happens("channel declared anew")
    )
      leaders[0].reader?.declareAnew();
    world.scheduler.at(world.scheduler.nowMs + random.next() * 80, next);
  };
  world.scheduler.at(50, next);
}

/** Nodes store checkpoints, and the log trims the commits that they cover. */
export function keepCheckpoints(world: ActingWorld): void {
  const random = world.fork("checkpoints");
  const next = (): void => {
    const trimmedTo = world.log.trimmedTo;
    const ready = world.nodes.filter(({ isAlive, engine }) => isAlive && engine.follower.isReady);
    if (ready.length > 0 && random.next() < 0.7)
      world.log.keep(pick(random, ready).engine.replica.checkpoint());
    if (world.log.trimmedTo > trimmedTo) world.faults.happens("log trimmed");
    world.scheduler.at(world.scheduler.nowMs + 200 + random.next() * 900, next);
  };
  world.scheduler.at(700, next);
}

/** Users edit through their clients, and another program edits the database directly. */
export function edit(world: ActingWorld): void {
  const random = world.fork("editor");
  const users = world.clients.filter(({ user }) => user !== undefined);
  let count = 0;
  const next = (): void => {
    if (!world.areFaultsActive) return;
    if (random.next() < 0.2 || users.length === 0) {
      const key = `r${Math.floor(random.next() * 8)}`;
      world.database.set(
        key,
        random.next() < 0.1 ? undefined : rowOf({ key, value: `other-${++count}` }),
      );
    } else {
      const { user, clock } = pick(random, users);
      // A user does not edit while the machine sleeps.
      if (!clock.isPaused) user?.edit();
    }
    world.scheduler.at(world.scheduler.nowMs + random.next() * 200, next);
  };
  world.scheduler.at(200, next);
}
