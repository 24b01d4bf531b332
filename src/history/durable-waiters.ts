/**
 * Calls that wait until the store holds everything up to a seq.
 *
 * Retains those that wait: each leaves when it is answered, or when nobody waits for it any more.
 */
interface Waiter {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class DurableWaiters {
  readonly #waiters = new Set<Waiter>();

  get count(): number {
    return this.#waiters.size;
  }

  /** @throws the error of `end`, or the signal's reason */
  async wait(seq: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    let leave = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const waiter = { seq, resolve, reject };
        this.#waiters.add(waiter);
        leave = () => {
          this.#waiters.delete(waiter);
          reject(signal?.reason as Error);
        };
        signal?.addEventListener("abort", leave);
      });
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  settle(durableSeq: number): void {
    for (const waiter of this.#waiters) {
      if (waiter.seq > durableSeq) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  end(error: Error): void {
    for (const { reject } of this.#waiters) reject(error);
    this.#waiters.clear();
  }
}
