/**
 * What one view's where may cost. Terms over texts (`like`, `regex`) cost steps per character, of some tens of
 * nanoseconds each: how many per character is bounded when the query comes, how many in all by the rows that were
 * looked at. Only rows that may be seen count, so that nothing is told of others. Over it the query is refused,
 * before the step that would be too much is taken.
 */
import { TidemarkError } from "../std/errors.ts";
import type { CostMeter } from "../protocol/where-context.ts";
import type { ViewLimits } from "./limits.ts";

export type EvaluationLimits = Pick<
  ViewLimits,
  "stepsPerCharacterMax" | "stepsPerRowMax" | "stepsBaseMax"
>;

export class EvaluationBudget implements CostMeter {
  readonly #limits: EvaluationLimits;
  #perCharacter = 0;
  #steps = 0;
  #stepsMax = 0;

  constructor(limits: EvaluationLimits) {
    this.#limits = limits;
    this.begin();
  }

  /** Some term costs by the length of its text. */
  get isMetered(): boolean {
    return this.#perCharacter > 0;
  }

  /** Taken since it last began. */
  get steps(): number {
    return this.#steps;
  }

  declare(stepsPerCharacter: number): void {
    this.#perCharacter += stepsPerCharacter;
    const { stepsPerCharacterMax } = this.#limits;
    if (this.#perCharacter <= stepsPerCharacterMax) return;
    throw tooCostly(
      `its like and regex terms take ${Math.ceil(this.#perCharacter)} steps per character of text or more, and a query may take ${stepsPerCharacterMax}. Use fewer terms, shorter patterns, smaller counted repeats`,
    );
  }

  /** A commit, or a view, is about to be looked at. */
  begin(): void {
    this.#steps = 0;
    this.#stepsMax = this.#limits.stepsBaseMax;
  }

  /** A row that may be seen is looked at. */
  look(): void {
    this.#stepsMax += this.#limits.stepsPerRowMax;
  }

  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps <= this.#stepsMax) return;
    const { stepsPerRowMax, stepsBaseMax } = this.#limits;
    throw tooCostly(
      `its like and regex terms take more than ${stepsPerRowMax} steps per row on average, and ${stepsBaseMax} besides. Put cheaper terms before them in an \`and\`, or test shorter texts`,
    );
  }
}

export function tooCostly(what: string): TidemarkError {
  return new TidemarkError("QUERY_TOO_COSTLY", `The query costs too much: ${what}.`);
}
