/** One check: the rule of PROTOCOL.md that it holds a server to, by number, and how. */
import type { Target } from "./target.ts";
import { verdictOf, type Verdict } from "./verdict.ts";

export interface Check {
  readonly rule: string;
  readonly title: string;
  run(target: Target): Promise<Verdict>;
}

export function check(rule: string, title: string, body: (target: Target) => Promise<void>): Check {
  return {
    rule,
    title,
    async run(target) {
      try {
        return await verdictOf(() => body(target));
      } finally {
        target.endCheck();
      }
    },
  };
}

/** What nobody can see from outside, or not without harm; said, so that nobody takes it for checked. */
export function unseen(rule: string, title: string, reason: string): Check {
  return { rule, title, run: () => Promise.resolve({ kind: "not checked", reason }) };
}
