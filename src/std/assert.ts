/**
 * Checks for programmer errors. They stay on in production: a broken invariant must stop, not
 * spread.
 */

/**
 * A broken invariant. Code that catches errors lets this one through: it ends the process, and says
 * why.
 */
export class InvariantError extends Error {
  override readonly name = "InvariantError";

  constructor(message: string) {
    super(`Invariant broken: ${message}`);
  }
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** For the default branch of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new InvariantError(`unexpected ${JSON.stringify(value)}`);
}
