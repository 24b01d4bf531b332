/**
 * Appends what has changed, one draft at a time. What arrives while a draft waits for the log goes
 * into the next one, so a burst of messages is one commit. A draft that the log did not take is
 * appended again until it is taken.
 */
import { InvariantError } from "../std/assert.ts";
import type { Cancel } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import type { SourceContext, SourceDraft } from "./source.ts";

export interface CommitsOptions {
  readonly context: SourceContext;
  readonly retryMs: number;
  /** What has changed since the last call; undefined where nothing has. */
  readonly collect: () => SourceDraft | undefined;
  /** Another leader appends for the source, or the log has been stopped: nothing may follow. */
  readonly onEnd: (error: TidemarkError) => void;
}

export class Commits {
  readonly #options: CommitsOptions;
  #running: Promise<void> | undefined;
  #isWanted = false;
  #isScheduled = false;
  #isStopped = false;
  #cancelScheduled: Cancel = () => {};
  #endPause: () => void = () => {};

  constructor(options: CommitsOptions) {
    this.#options = options;
  }

  /** Commits after the input that is pending has been read. */
  schedule(): void {
    this.#isWanted = true;
    if (this.#isStopped || this.#isScheduled || this.#running !== undefined) return;
    this.#isScheduled = true;
    this.#cancelScheduled = this.#options.context.clock.soon(() => {
      this.#isScheduled = false;
      void this.now();
    });
  }

  /** Commits at once; resolves when the log has taken it, or nothing may follow. */
  now(): Promise<void> {
    this.#running ??= this.#append().finally(() => {
      this.#running = undefined;
      if (this.#isWanted) this.schedule();
    });
    return this.#running;
  }

  /** Resolves when no append is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelScheduled();
    this.#endPause();
    await this.#running;
  }

  async #append(): Promise<void> {
    if (this.#isStopped) return;
    this.#isWanted = false;
    const draft = this.#options.collect();
    if (draft === undefined) return;
    const { context, onEnd } = this.#options;
    while (!this.#isStopped) {
      try {
        await context.append(draft);
        return;
      } catch (error) {
        if (error instanceof InvariantError) throw error;
        if (error instanceof TidemarkError && ["SUPERSEDED", "STOPPED"].includes(error.code)) {
          this.#isStopped = true;
          onEnd(error);
          return;
        }
        context.logger.warn({ err: error }, "a commit could not be appended, and is tried again");
        await this.#pause();
      }
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.context.clock.after(this.#options.retryMs, resolve);
      this.#endPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
