/**
 * The built-in feed as a source: all markets go on in steps of simulated time that follow the
 * clock, and each step is one commit. Its source position says where each market goes on after a
 * restart.
 */
import type { Source, SourceContext } from "tidemark";
import { FEED_CHANNELS } from "../channels.ts";
import { MARKETS } from "../symbols.ts";
import { FeedCommit } from "./feed-commit.ts";
import { Market, type FlowPosition } from "./market.ts";

export interface BuiltInOptions {
  /** The same seed gives the same rows, but for their times. */
  readonly seed: number;
  /** About how many rows change in a second. */
  readonly rowsPerSecond: number;
  /** How much of the past an empty store gets at the first start. */
  readonly pastMs: number;
}

const STEP_MS = 50;
/** After a pause of the process at most so many steps follow at once. */
const STEPS_MAX = 20;
/** Rows per second of all markets at one event per step and market of activity 1; measured. */
const ROWS_PER_EVENT = 350;
/** Steps and commits of the past are larger. */
const PAST_STEP_MS = 1_000;
const PAST_COMMIT_ROWS = 2_000;

export class BuiltInFeed implements Source {
  readonly name = "feed";
  readonly #options: BuiltInOptions;
  #markets: readonly Market[] = [];
  #stopped: Promise<void> = Promise.resolve();
  #isStopped = false;
  #wake = (): void => {};

  constructor(options: BuiltInOptions) {
    this.#options = options;
  }

  async start(context: SourceContext): Promise<void> {
    const positions = JSON.parse(context.sourcePosition ?? "{}") as Record<string, FlowPosition>;
    const isNew = context.sourcePosition === undefined;
    this.#markets = MARKETS.map(
      (settings, index) =>
        new Market(settings, this.#options.seed * 1_000 + index, positions[settings.symbol]),
    );
    await context.append({ changes: [], declares: FEED_CHANNELS });
    if (isNew) await this.#appendPast(context);
    await this.#appendBooks(context);
    this.#stopped = this.#run(context);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake();
    await this.#stopped;
  }

  /** Trades before the first start, so that charts begin with something to see. */
  async #appendPast(context: SourceContext): Promise<void> {
    const commit = new FeedCommit();
    const nowMs = context.clock.now();
    for (let timeMs = nowMs - this.#options.pastMs; timeMs < nowMs; timeMs += PAST_STEP_MS) {
      this.#step(commit, timeMs, PAST_STEP_MS, { isPast: true });
      if (commit.size >= PAST_COMMIT_ROWS) await context.append({ changes: commit.take() });
      if (this.#isStopped) return;
    }
    if (commit.size > 0) await context.append({ changes: commit.take() });
  }

  /** The tables of quotes and levels begin with these rows, whatever they held before. */
  async #appendBooks(context: SourceContext): Promise<void> {
    const commit = new FeedCommit();
    const timeMs = context.clock.now();
    this.#step(commit, timeMs, STEP_MS, { isPast: false });
    for (const market of this.#markets)
      for (const level of market.levels())
        commit.level({ symbol: market.settings.symbol, ...level }, level.quantity);
    await context.append({
      changes: commit.take(["quotes", "depth"]),
      status: [{ status: { status: "live" } }],
      sourcePosition: this.#position(),
      asOfMs: timeMs,
    });
  }

  async #run(context: SourceContext): Promise<void> {
    const { clock, logger } = context;
    const commit = new FeedCommit();
    let doneMs = clock.monotonic();
    while (!this.#isStopped) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(STEP_MS, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
      const due = Math.floor((clock.monotonic() - doneMs) / STEP_MS);
      doneMs += due * STEP_MS;
      for (let step = Math.min(due, STEPS_MAX); step > 0 && !this.#isStopped; step--) {
        const timeMs = clock.now() - (step - 1) * STEP_MS;
        this.#step(commit, timeMs, STEP_MS, { isPast: false });
        try {
          const changes = commit.take();
          await context.append({ changes, sourcePosition: this.#position(), asOfMs: timeMs });
        } catch (error) {
          if (!this.#isStopped) logger.error({ err: error }, "the feed ended");
          return;
        }
      }
    }
  }

  #step(
    commit: FeedCommit,
    timeMs: number,
    stepMs: number,
    { isPast }: { readonly isPast: boolean },
  ): void {
    const time = new Date(timeMs).toISOString();
    const perStep = this.#options.rowsPerSecond / ROWS_PER_EVENT;
    for (const market of this.#markets) {
      const { symbol, activity } = market.settings;
      // The past is quieter, so that it costs little.
      const events = isPast ? activity * 0.5 : activity * perStep;
      const { trades, levels, quote } = market.step(stepMs / 1_000, events);
      for (const trade of trades) commit.trade({ symbol, ...trade, time });
      if (isPast) continue;
      for (const level of levels) commit.level({ symbol, ...level }, level.quantity);
      if (levels.length > 0) commit.quote({ symbol, ...quote, time });
    }
  }

  #position(): string {
    return JSON.stringify(
      Object.fromEntries(
        this.#markets.map(({ settings, position }) => [settings.symbol, position]),
      ),
    );
  }
}
