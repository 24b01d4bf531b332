/**
 * How much a connection may send: a number of units per second, and a burst of saved units. Above
 * that, the server pauses the socket; above twice the burst, it closes the connection.
 */
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { DialectCommand } from "../turn/dialect.ts";
import { FIXED_LIMITS } from "../limits.ts";
import type { Session } from "../turn/session.ts";

export interface FrameBudgetLimits {
  readonly framesPerSecondMax: number;
  readonly framesBurstMax: number;
}

export class FrameBudget {
  readonly #limits: FrameBudgetLimits;
  #left: number;
  #asOfMs: number;

  constructor(limits: FrameBudgetLimits, nowMs: number) {
    this.#limits = limits;
    this.#left = limits.framesBurstMax;
    this.#asOfMs = nowMs;
  }

  /**
   * Spends `cost` units. Returns the milliseconds for which to stop reading; undefined above twice
   * the burst.
   */
  spend(cost: number, nowMs: number): number | undefined {
    const { framesPerSecondMax, framesBurstMax } = this.#limits;
    const earned = ((nowMs - this.#asOfMs) / 1_000) * framesPerSecondMax;
    this.#asOfMs = nowMs;
    this.#left = Math.min(framesBurstMax, this.#left + earned) - cost;
    if (this.#left >= 0) return 0;
    return this.#left < -framesBurstMax ? undefined : (-this.#left / framesPerSecondMax) * 1_000;
  }
}

/** The budgets of all connections, each kept as long as its session. */
export class FrameBudgets {
  readonly #limits: FrameBudgetLimits;
  readonly #clock: Clock;
  readonly #budgets = new WeakMap<Session, FrameBudget>();

  constructor(limits: FrameBudgetLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /**
   * Pauses the socket of a session that is over its budget. Returns why the connection has to be
   * closed, if it has.
   */
  spend(session: Session, cost: number): TidemarkError | undefined {
    const nowMs = this.#clock.monotonic();
    let budget = this.#budgets.get(session);
    if (budget === undefined)
      this.#budgets.set(session, (budget = new FrameBudget(this.#limits, nowMs)));
    const pauseMs = budget.spend(cost, nowMs);
    if (pauseMs !== undefined && pauseMs > 0) session.transport.pause?.(pauseMs);
    if (pauseMs !== undefined) return undefined;
    const { framesPerSecondMax, framesBurstMax } = this.#limits;
    return new TidemarkError(
      "TOO_MANY_FRAMES",
      `A connection may send at most ${framesPerSecondMax} frames per second, and ${framesBurstMax} at once.`,
    );
  }
}

/** Units of a command in addition to the one for its frame. */
export function costOf(command: DialectCommand): number {
  switch (command.op) {
    case "RESYNC":
      return FIXED_LIMITS.resyncFrames;
    case "SUBSCRIBE":
    case "IDENTIFY":
    case "RESUME":
      return (command.subscriptions ?? []).length;
    case "ANSWER":
      return 1;
    case "MUTATE":
      // `mutationsPerSessionMax` bounds mutations.
      return -1;
    default:
      return 0;
  }
}
