/**
 * Which faults strike in a run, when, and how each is undone. The network injects the faults of
 * single frames.
 */
import type { Random } from "../src/std/random.ts";
import type { SimClient } from "./clients.ts";
import type { SimDatabase } from "./database.ts";
import type { Fault, FaultCounts } from "./faults.ts";
import type { SimNode } from "./node.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SharedLog } from "./shared-log.ts";
import type { VersionedSource } from "./versioned-source.ts";
import { pick, SYMBOLS, type Rights } from "./workload.ts";

/** What the faults strike. */
export interface FaultyWorld {
  readonly scheduler: Scheduler;
  readonly faults: FaultCounts;
  readonly areFaultsActive: boolean;
  readonly log: SharedLog;
  readonly database: SimDatabase;
  readonly versionedSource: VersionedSource;
  readonly rights: Rights;
  readonly nodes: readonly SimNode[];
  readonly clients: readonly SimClient[];
  fork(name: string): Random;
  startNode(index: number): void;
  /** Appends the first commits of a history again. */
  begin(): void;
  readWholeDatabase(): void;
}

export class FaultInjector {
  readonly #world: FaultyWorld;
  readonly #lookUps: Random;

  constructor(world: FaultyWorld) {
    this.#world = world;
    this.#lookUps = world.fork("look-ups");
  }

  begin(): void {
    const random = this.#world.fork("trouble");
    const next = (): void => {
      if (!this.#world.areFaultsActive) return;
      this.#inject(random);
      this.#world.scheduler.at(this.#world.scheduler.nowMs + random.next() * 300, next);
    };
    this.#world.scheduler.at(500, next);
  }

  /** Sometimes revokes the rights of a user while a node looks them up. */
  lookedUp(user: string, lookUpMs: number): void {
    const { scheduler, faults, areFaultsActive, clients } = this.#world;
    const client = clients.find(({ name }) => name === user);
    if (
      client === undefined ||
      !areFaultsActive ||
      this.#lookUps.next() > 0.2 ||
      !faults.happens("rights revoked while looked up")
    )
      return;
    scheduler.at(scheduler.nowMs + lookUpMs * this.#lookUps.next(), () =>
      this.#revokeFrom(this.#lookUps, client),
    );
  }

  #inject(random: Random): void {
    if (random.next() < 0.12) this.#injectNodeFault(random);
    else this.#injectClientFault(random, pick(random, this.#world.clients));
  }

  #injectNodeFault(random: Random): void {
    const index = Math.floor(random.next() * this.#world.nodes.length);
    const node = this.#world.nodes[index] as SimNode;
    const happens = (fault: Fault): boolean => this.#world.faults.happens(fault);
    const choice = random.next();
    if (choice < 0.3 && happens("node killed and restarted"))
      this.#restart(index, random.next() * 800);
    else if (choice < 0.34 && happens("log lost")) {
      this.#world.log.loseAll();
      this.#world.begin();
      this.#world.nodes.forEach((_node, each) => this.#restart(each, random.next() * 500));
    } else if (choice < 0.4 && happens("tail lost")) {
      this.#world.log.loseTail(1 + Math.floor(random.next() * 30));
      // Lost commits do not come again by themselves, so the reader reads the whole database.
      this.#world.readWholeDatabase();
    } else if (choice < 0.5 && happens("node paused")) node.clock.pause(random.next() * 2_000);
    else if (choice < 0.6 && happens("node's clock set wrong"))
      node.clock.jump((random.next() - 0.5) * 20_000);
    else if (choice < 0.75 && happens("source gone and back"))
      this.#loseSource(random.next() * 3_000);
    else if (choice < 0.85) this.#revoke(random);
    else if (choice < 0.95) {
      this.#world.database.isReachable = false;
      this.#world.scheduler.at(this.#world.scheduler.nowMs + random.next() * 2_000, () => {
        this.#world.database.isReachable = true;
      });
    }
  }

  #injectClientFault(random: Random, client: SimClient): void {
    const happens = (fault: Fault): boolean => this.#world.faults.happens(fault);
    const { current } = client.network;
    const later = (maxMs: number, undo: () => void): void =>
      void this.#world.scheduler.at(this.#world.scheduler.nowMs + random.next() * maxMs, undo);
    switch (Math.floor(random.next() * 13)) {
      case 0:
        if (current !== undefined && happens("cut while open")) current.cut();
        return;
      case 1:
        if (current !== undefined && happens("half-open connection")) current.isHalfOpen = true;
        return;
      case 2:
        if (current !== undefined && happens("proxy keeps frames back"))
          current.keepBack(random.next() * 3_000);
        return;
      case 3:
        if (!happens("slow client")) return;
        client.readPace.frameMs = random.next() * 200;
        return later(4_000, () => {
          client.readPace.frameMs = 0;
        });
      case 4:
        if (!happens("stalled client")) return;
        client.readPace.isStalled = true;
        return later(4_000, () => unstall(client));
      case 5:
        if (happens("client's clock jumps forward")) client.clock.jump(random.next() * 3_600_000);
        return;
      case 6:
        if (happens("client's clock jumps back")) client.clock.jump(-random.next() * 3_600_000);
        return;
      case 7:
        if (happens("client asleep")) client.clock.pause(random.next() * 6_000);
        return;
      case 8:
        if (client.pacing === undefined || !happens("tab hidden")) return;
        client.pacing.setHidden(true);
        return later(6_000, () => client.pacing?.setHidden(false));
      case 9:
        if (happens("view dropped and made again")) client.change();
        return;
      case 10:
        if (happens("network back")) client.client.setOnline(true);
        return;
      case 11:
        // No node is told. The rights are looked up when the client is back.
        if (happens("rights changed while away"))
          client.cutOffAndChangeRights(() => this.#changeRights(random, client));
        return;
      default:
        client.network.refusesUpgrades = !client.network.refusesUpgrades;
    }
  }

  #restart(index: number, downMs: number): void {
    this.#world.nodes[index]?.kill();
    this.#world.scheduler.at(this.#world.scheduler.nowMs + downMs, () => {
      if (this.#world.nodes[index]?.isAlive !== true) this.#world.startNode(index);
    });
  }

  #loseSource(forMs: number): void {
    this.#world.versionedSource.isReachable = false;
    this.#world.scheduler.at(this.#world.scheduler.nowMs + forMs, () => {
      this.#world.versionedSource.isReachable = true;
    });
  }

  #revoke(random: Random): void {
    const client = pick(random, this.#world.clients);
    if (this.#world.faults.happens("rights revoked")) this.#revokeFrom(random, client);
  }

  #revokeFrom(random: Random, client: SimClient): void {
    const before = this.#world.rights.identityOf(client.name);
    this.#changeRights(random, client);
    for (const node of this.#world.nodes) if (node.isAlive) node.engine.gateway.revoke(before);
  }

  #changeRights(random: Random, client: SimClient): void {
    this.#world.rights.set(
      client.name,
      random.next() < 0.3 ? undefined : pick(random, SYMBOLS),
      this.#world.scheduler.nowMs,
    );
  }
}

/** Lets a stalled client read again. */
export function unstall(client: SimClient): void {
  client.readPace.isStalled = false;
  client.network.current?.resume();
}
