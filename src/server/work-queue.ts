/**
 * Long work, done a slice at a time between turns of the event loop. Owners alternate, so an owner
 * with much work delays only itself. Retains the work that was added and is not done.
 */
import type { Clock } from "../std/clock.ts";

export interface Work {
  /**
   * Works until it is done or `isOver`. Returns whether it is done; else it continues after the
   * other owners' work.
   */
  readonly run: (isOver: () => boolean) => boolean;
  /** Releases the work's resources: it will not run any more. */
  readonly drop?: () => void;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly sliceMs: number;
  /** Called when a piece of work threw; the piece counts as done. */
  readonly onFailed: (owner: object, error: unknown) => void;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Work by owner; the owner whose turn is next comes first. */
  readonly #work = new Map<object, Work[]>();
  #size = 0;
  #isScheduled = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Pieces of one owner are done one after another, in order. */
  add(owner: object, work: Work): void {
    const waiting = this.#work.get(owner);
    if (waiting === undefined) this.#work.set(owner, [work]);
    else waiting.push(work);
    this.#size++;
    this.#schedule();
  }

  /** Drops the work of an owner. */
  drop(owner: object): void {
    const waiting = this.#work.get(owner) ?? [];
    this.#work.delete(owner);
    this.#size -= waiting.length;
    for (const { drop } of waiting) drop?.();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.clock.soon(() => this.#slice());
  }

  #slice(): void {
    const { clock, sliceMs } = this.#options;
    const endMs = clock.monotonic() + sliceMs;
    const isOver = (): boolean => clock.monotonic() >= endMs;
    this.#isScheduled = false;
    while (this.#size > 0) {
      this.#step(isOver);
      if (this.#size > 0 && isOver()) return this.#schedule();
    }
  }

  #step(isOver: () => boolean): void {
    const [next] = this.#work;
    if (next === undefined) return;
    const [owner, waiting] = next;
    const [work] = waiting;
    // The owner goes to the end, so that each has its turn.
    this.#work.delete(owner);
    this.#work.set(owner, waiting);
    try {
      if (work?.run(isOver) === false) return;
    } catch (error) {
      this.#options.onFailed(owner, error);
    }
    // The work itself may have dropped its owner.
    if (this.#work.get(owner) !== waiting || waiting[0] !== work) return;
    waiting.shift();
    if (waiting.length === 0) this.#work.delete(owner);
    this.#size--;
  }
}
