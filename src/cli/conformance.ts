/**
 * `tidemark conformance ws://…`: the rules of PROTOCOL.md against any server, from outside. Each check is
 * named by its rule; what can't be checked is said with the reason, and is never counted as good.
 */
import { CHECKS } from "./conformance/rules.ts";
import { Target, type TargetOptions } from "./conformance/target.ts";
import type { Verdict } from "./conformance/verdict.ts";
import { messageOf, TidemarkError } from "../std/errors.ts";

export interface ConformanceOptions extends Omit<TargetOptions, "channel"> {
  /** Default: the first that `/stats` tells of. */
  readonly channel: string | undefined;
  /** Only these rules. */
  readonly rules: readonly string[] | undefined;
  readonly print: (line: string) => void;
}

const SIGNS: Readonly<Record<Verdict["kind"], string>> = {
  passed: "ok  ",
  failed: "FAIL",
  "not checked": "–   ",
};

/** Returns the process's exit code: 0 when no rule was found broken. */
export async function conformance({
  channel,
  rules,
  print,
  ...options
}: ConformanceOptions): Promise<number> {
  const target = new Target({ ...options, channel: channel ?? (await firstChannel(options)) });
  print(`${options.url}, with channel "${target.channel}"`);
  const counts: Record<Verdict["kind"], number> = { passed: 0, failed: 0, "not checked": 0 };
  try {
    for (const { rule, title, run } of CHECKS) {
      if (rules !== undefined && !rules.includes(rule)) continue;
      const verdict = await run(target);
      counts[verdict.kind]++;
      print(`${SIGNS[verdict.kind]} ${rule.padEnd(4)} ${title}${explained(verdict)}`);
    }
  } finally {
    await target
      .end()
      .catch((error: unknown) =>
        print(`     what was written could not be removed: ${messageOf(error)}`),
      );
  }
  print(
    `${counts.passed} checks hold, ${counts.failed} do not, ${counts["not checked"]} could not be made.`,
  );
  return counts.failed === 0 ? 0 : 1;
}

function explained(verdict: Verdict): string {
  switch (verdict.kind) {
    case "passed":
      return "";
    case "failed":
      return `\n          ${verdict.why}`;
    case "not checked":
      return ` – not checked: ${verdict.reason}`;
  }
}

async function firstChannel({
  url,
  headers,
  timeoutMs,
}: Pick<TargetOptions, "url" | "headers" | "timeoutMs">): Promise<string> {
  const response = await fetch(new URL("/stats", url.replace(/^ws/, "http")), {
    headers,
    signal: AbortSignal.timeout(timeoutMs),
  });
  const { channels } = (response.ok ? await response.json() : {}) as {
    channels?: readonly { channel: string }[];
  };
  const found = channels?.find(({ channel }) => channel !== "tidemark.channels")?.channel;
  if (found === undefined)
    throw new TidemarkError("BAD_OPTION", "Name a channel to test with: --channel NAME.");
  return found;
}
