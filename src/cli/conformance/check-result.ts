/**
 * What a check of the protocol finds. A check that can't be made says why; that is neither good nor
 * bad, and never counted as good.
 */
import { messageOf } from "../../std/errors.ts";

export type CheckResult =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "not checked"; readonly reason: string };

class FailedCheck extends Error {}
class SkippedCheck extends Error {}

/** The rule asks for it. `heard` is shown with a failure. */
export function must(condition: boolean, what: string, heard?: unknown): asserts condition {
  if (!condition)
    throw new FailedCheck(
      heard === undefined ? what : `${what}; heard ${JSON.stringify(heard).slice(0, 300)}`,
    );
}

/** The check can't be made here. */
export function skip(reason: string): never {
  throw new SkippedCheck(reason);
}

export async function resultOf(run: () => Promise<void>): Promise<CheckResult> {
  try {
    await run();
    return { kind: "passed" };
  } catch (error) {
    return error instanceof SkippedCheck
      ? { kind: "not checked", reason: error.message }
      : { kind: "failed", why: messageOf(error) };
  }
}
