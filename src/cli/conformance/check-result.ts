/**
 * The result of a check. A check that cannot be made has a reason; it counts neither as passed nor
 * as failed.
 */
import { downFault } from "../../protocol/check-down.ts";
import { messageOf } from "../../std/errors.ts";

export type CheckResult =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "not checked"; readonly reason: string };

class FailedCheck extends Error {}
class SkippedCheck extends Error {}

/** Fails the check unless the condition holds. `received` is shown with the failure. */
export function must(condition: boolean, what: string, received?: unknown): asserts condition {
  if (!condition)
    throw new FailedCheck(
      received === undefined ? what : `${what}; received ${JSON.stringify(received).slice(0, 300)}`,
    );
}

/** The frame fits its schema in `protocol/messages`. */
export function mustFit(frame: unknown): void {
  const fault = downFault(frame);
  must(fault === undefined, fault ?? "", frame);
}

/** Ends the check because it cannot be made on this server. */
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
