/**
 * Checks for programmer errors. They stay on in production: a broken invariant must stop the
 * process before it does more harm.
 */

/**
 * A broken invariant. Code that catches errors rethrows this one: it ends the process with its
 * message.
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
