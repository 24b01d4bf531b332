/**
 * Regexes from users, on an engine whose time is linear in the text whatever the pattern
 * (RE2), so that no filter can stop the event loop. It has no backreferences and no lookaround.
 */
import { RE2JS } from "re2js";
import type { RegexMatcher } from "../protocol/where-context.ts";
import { FIXED_VIEW_LIMITS } from "./limits.ts";
import { messageOf, TidemarkError } from "../std/errors.ts";

/** @throws TidemarkError `BAD_REGEX` */
export function linearRegex(pattern: string): RegexMatcher {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (cause) {
    throw new TidemarkError(
      "BAD_REGEX",
      `Bad regex: ${messageOf(cause)}. It is RE2 syntax, without backreferences and lookaround.`,
      { cause },
    );
  }
  if (compiled.programSize() > FIXED_VIEW_LIMITS.regexProgramMax) {
    throw new TidemarkError(
      "BAD_REGEX",
      "Bad regex: its repeats make it too large. Use fewer or smaller counted repeats.",
    );
  }
  return { matches: (text) => compiled.matcher(text).find(), steps: compiled.programSize() };
}
