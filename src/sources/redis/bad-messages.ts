/**
 * Messages that a source could not take: counted by cause, logged once per cause with an example,
 * and told to operators. Retains at most `causesMax` causes.
 */
import type { SourceContext } from "../source.ts";
import { FIXED_REDIS_LIMITS } from "./limits.ts";

const EXAMPLE_LENGTH = 200;
const OTHER = "other causes";

export class BadMessages {
  readonly #context: Pick<SourceContext, "logger" | "refuse">;
  readonly #label: string;
  readonly #counts = new Map<string, number>();

  /** `label` names the stream, or the source, for operators. */
  constructor(context: Pick<SourceContext, "logger" | "refuse">, label: string) {
    this.#context = context;
    this.#label = label;
  }

  note(cause: string, text: string): void {
    const isKnown = this.#counts.has(cause);
    const kept = isKnown || this.#counts.size < FIXED_REDIS_LIMITS.causesMax ? cause : OTHER;
    const count = (this.#counts.get(kept) ?? 0) + 1;
    this.#counts.set(kept, count);
    if (count === 1)
      this.#context.logger.warn(
        { from: this.#label, cause, example: text.slice(0, EXAMPLE_LENGTH) },
        "a message was not taken; more with the same cause are counted only",
      );
    // Operators see the number grow, at little cost: 1, 10, 100, …
    if (/^10*$/.test(String(count)))
      this.#context.refuse({ table: this.#label, reason: this.#reason });
  }

  get #reason(): string {
    const total = [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
    const causes = Array.from(this.#counts, ([cause, count]) => `${cause} (${count})`);
    return `at least ${total} messages were not taken: ${causes.join("; ")}`.slice(0, 1_000);
  }
}
