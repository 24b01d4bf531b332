/**
 * What a check of the protocol finds. A check that can't be made says why; that is neither good nor
 * bad, and never counted as good.
 */
import { messageOf } from "../../std/errors.ts";

export type Verdict =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "not checked"; readonly reason: string };

class Unmet extends Error {}
class Skipped extends Error {}

/** The rule asks for it. `heard` is shown with a failure. */
export function must(condition: boolean, what: string, heard?: unknown): asserts condition {
  if (!condition)
    throw new Unmet(
      heard === undefined ? what : `${what}; heard ${JSON.stringify(heard).slice(0, 300)}`,
    );
}

/** The check can't be made here. */
export function skip(reason: string): never {
  throw new Skipped(reason);
}

export async function verdictOf(run: () => Promise<void>): Promise<Verdict> {
  try {
    await run();
    return { kind: "passed" };
  } catch (error) {
    return error instanceof Skipped
      ? { kind: "not checked", reason: error.message }
      : { kind: "failed", why: messageOf(error) };
  }
}
