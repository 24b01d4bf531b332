/**
 * A node's reader of the log: it begins with a checkpoint or from seq 0, reports when the tables
 * have caught up, and begins anew when its epoch has ended.
 */
import type { Cancel } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import { isSameDeclaration, type ChannelDeclaration } from "../log/channel.ts";
import type { Commit, Log, LogReader } from "../log/log.ts";
import type { Checkpoint } from "../table/checkpoint.ts";
import type { Replica } from "../table/replica.ts";

/** Finds the newest checkpoint of an epoch, if there is one. */
export type FindCheckpoint = (
  epoch: string,
) => Checkpoint | undefined | Promise<Checkpoint | undefined>;

export interface LogFollowerOptions {
  readonly log: Log;
  readonly replica: Replica;
  readonly findCheckpoint?: FindCheckpoint | undefined;
  /**
   * The program's own channels: declared in each epoch that lacks them, before any session is
   * served in that epoch.
   */
  readonly declares?: readonly ChannelDeclaration[] | undefined;
}

interface Waiting {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class LogFollower {
  readonly #options: LogFollowerOptions;
  readonly #arrivals = new Set<() => void>();
  readonly #endings = new Set<() => void>();
  readonly #waiting = new Set<Waiting>();
  #reader: LogReader | undefined;
  #stops: readonly Cancel[] = [];
  #isStopped = false;
  #beginning: Promise<void> | undefined;
  #isReady = false;

  constructor(options: LogFollowerOptions) {
    this.#options = options;
  }

  /** The seq of the newest commit that has arrived here; without a reader, the tables' seq. */
  get head(): number {
    return this.#reader?.head ?? this.#options.replica.seq;
  }

  /** Whether the tables hold everything that was in the log when this node began, or began anew. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /**
   * Resolves when the follower is ready; begins if it has not begun, or has failed to. @throws the
   * errors of opening the log
   */
  async whenReady(): Promise<void> {
    for (;;) {
      const beginning = (this.#beginning ??= this.#begin());
      try {
        await beginning;
        if (beginning === this.#beginning) return;
      } catch (error) {
        if (beginning !== this.#beginning) continue;
        this.#beginning = undefined;
        throw error;
      }
    }
  }

  /** Commits that are not applied yet, at most `countMax`. */
  read(countMax: number): readonly Commit[] {
    return this.#reader?.read(countMax) ?? [];
  }

  /** The tables are at a new seq: the log need not keep earlier commits for this node. */
  applied(): void {
    const { seq } = this.#options.replica;
    this.#reader?.ack(seq);
    for (const waiting of this.#waiting) {
      if (waiting.seq > seq) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  /**
   * Resolves when the tables have reached `seq`. @throws TidemarkError `STOPPED` when they can't
   * reach it in this epoch
   */
  reached(seq: number): Promise<void> {
    if (this.#options.replica.seq >= seq) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiting.add({ seq, resolve, reject }));
  }

  /** Called when commits have arrived. */
  onArrival(listener: () => void): void {
    this.#arrivals.add(listener);
  }

  /** Called when the epoch has ended, before the tables begin in another. */
  onEnding(listener: () => void): void {
    this.#endings.add(listener);
  }

  stop(): void {
    this.#isStopped = true;
    this.#isReady = false;
    this.#rejectWaiters(new TidemarkError("STOPPED", "The node has been stopped."));
  }

  async #begin(): Promise<void> {
    const { log, replica, findCheckpoint } = this.#options;
    for (;;) {
      const { epoch } = log;
      const checkpoint = await findCheckpoint?.(epoch);
      const reader = await log.open(checkpoint?.seq ?? 0);
      if (this.#isStopped) return reader.close();
      // Another epoch may have begun meanwhile.
      if (reader.epoch !== epoch) {
        reader.close();
        continue;
      }
      replica.begin(epoch, checkpoint);
      this.#reader = reader;
      const arrived = (): void => {
        for (const listener of this.#arrivals) listener();
      };
      this.#stops = [reader.onAppend(arrived), reader.onLost(() => this.#beginAnew())];
      const { head } = reader;
      if (head > replica.seq) arrived();
      await this.reached(head);
      const missing = this.#missing();
      if (missing.length > 0)
        await this.reached(await log.append({ changes: [], declares: missing }));
      this.#isReady = true;
      return;
    }
  }

  #missing(): readonly ChannelDeclaration[] {
    const { replica, declares = [] } = this.#options;
    return declares.filter((declaration) => {
      const known = replica.table(declaration.name)?.channel;
      return known === undefined || !isSameDeclaration(known, declaration);
    });
  }

  #beginAnew(): void {
    this.#isReady = false;
    for (const listener of this.#endings) listener();
    this.#rejectWaiters(
      new TidemarkError(
        "STOPPED",
        "The log's epoch has ended before this node had all of its commits.",
      ),
    );
    this.#beginning = undefined;
    // If this fails, the next call of `whenReady` tries again.
    this.whenReady().catch(() => {});
  }

  #rejectWaiters(error: TidemarkError): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#reader?.close();
    this.#reader = undefined;
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }
}
