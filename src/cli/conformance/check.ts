/** One check: the number of a rule in PROTOCOL.md, a title, and the code that checks it. */
import type { TestedServer } from "./tested-server.ts";
import { resultOf, type CheckResult } from "./check-result.ts";

export interface Check {
  readonly rule: string;
  readonly title: string;
  run(server: TestedServer): Promise<CheckResult>;
}

export function check(
  rule: string,
  title: string,
  body: (server: TestedServer) => Promise<void>,
): Check {
  return {
    rule,
    title,
    async run(server) {
      try {
        return await resultOf(() => body(server));
      } finally {
        server.endCheck();
      }
    },
  };
}

/**
 * A rule that cannot be checked from outside, or not without harm. It is listed with the reason.
 */
export function unseen(rule: string, title: string, reason: string): Check {
  return { rule, title, run: () => Promise.resolve({ kind: "not checked", reason }) };
}
