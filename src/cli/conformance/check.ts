/** One check: the rule of PROTOCOL.md that it holds a server to, by number, and how. */
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

/** What nobody can see from outside, or not without harm; said, so that nobody takes it for checked. */
export function unseen(rule: string, title: string, reason: string): Check {
  return { rule, title, run: () => Promise.resolve({ kind: "not checked", reason }) };
}
