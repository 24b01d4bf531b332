/**
 * The cost that one view's where may have. Terms over texts (`like`, `regex`) cost steps per
 * character, of some tens of nanoseconds each. The steps per character are bounded when the query
 * is opened, and the sum in proportion to the evaluated rows. Only rows that the identity may see
 * count, so that the cost reveals nothing of others. A query over its budget is refused before it
 * takes the step that is too many.
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

  /** Whether some term's cost depends on the length of its text. */
  get isMetered(): boolean {
    return this.#perCharacter > 0;
  }

  /** Steps taken since `begin`. */
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

  /** Begins the evaluation of a commit, or of a view. */
  begin(): void {
    this.#steps = 0;
    this.#stepsMax = this.#limits.stepsBaseMax;
  }

  /** Evaluates a row that the identity may see. */
  look(): void {
    this.#stepsMax += this.#limits.stepsPerRowMax;
  }

  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps <= this.#stepsMax) return;
    const { stepsPerRowMax, stepsBaseMax } = this.#limits;
    throw tooCostly(
      `its like and regex terms take more than ${stepsPerRowMax} steps per row on average plus ${stepsBaseMax}. Put cheaper terms before them in an \`and\`, or test shorter texts`,
    );
  }
}

export function tooCostly(what: string): TidemarkError {
  return new TidemarkError("QUERY_TOO_COSTLY", `The query costs too much: ${what}.`);
}

/**
 * Bounds the steps of all views together: the views that took the most are the first to be
 * refused.
 */
export function costliestOver<T extends { readonly budget: EvaluationBudget }>(
  metered: Iterable<T>,
  stepsMax: number,
): readonly (readonly [T, TidemarkError])[] {
  const entries = [...metered].sort((left, right) => right.budget.steps - left.budget.steps);
  let steps = 0;
  for (const { budget } of entries) steps += budget.steps;
  const refused: (readonly [T, TidemarkError])[] = [];
  for (const entry of entries) {
    if (steps <= stepsMax) break;
    const own = entry.budget.steps;
    steps -= own;
    const error = tooCostly(
      `it took ${Math.ceil(own)} steps for one commit, more than the other views of its channel, which may take ${stepsMax} together`,
    );
    refused.push([entry, error]);
  }
  return refused;
}
