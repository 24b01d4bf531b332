/**
 * `tidemark conformance ws://…`: checks any server against the rules of PROTOCOL.md, from outside.
 * Each check has the number of its rule. A check that cannot be made is reported with the reason,
 * and never counts as passed.
 */
import { CHECKS } from "./conformance/rules.ts";
import { TestedServer, type TestedServerOptions } from "./conformance/tested-server.ts";
import type { CheckResult } from "./conformance/check-result.ts";
import { messageOf, TidemarkError } from "../std/errors.ts";

export interface ConformanceOptions extends Omit<TestedServerOptions, "channel"> {
  /** Default: the first channel in `/stats`. */
  readonly channel: string | undefined;
  /** Check only these rules. */
  readonly rules: readonly string[] | undefined;
  readonly print: (line: string) => void;
}

const SIGNS: Readonly<Record<CheckResult["kind"], string>> = {
  passed: "ok  ",
  failed: "FAIL",
  "not checked": "–   ",
};

/** Returns the exit code of the process: 0 when no check failed. */
export async function conformance({
  channel,
  rules,
  print,
  ...options
}: ConformanceOptions): Promise<number> {
  const server = new TestedServer({
    ...options,
    channel: channel ?? (await firstChannel(options)),
  });
  print(`${options.url}, with channel "${server.channel}"`);
  const counts: Record<CheckResult["kind"], number> = { passed: 0, failed: 0, "not checked": 0 };
  try {
    for (const { rule, title, run } of CHECKS) {
      if (rules !== undefined && !rules.includes(rule)) continue;
      const result = await run(server);
      counts[result.kind]++;
      print(`${SIGNS[result.kind]} ${rule.padEnd(4)} ${title}${explained(result)}`);
    }
  } finally {
    await server
      .end()
      .catch((error: unknown) =>
        print(`     The rows of the checks could not be removed: ${messageOf(error)}`),
      );
  }
  print(
    `${counts.passed} checks passed, ${counts.failed} failed, ${counts["not checked"]} could not be made.`,
  );
  return counts.failed === 0 ? 0 : 1;
}

function explained(result: CheckResult): string {
  switch (result.kind) {
    case "passed":
      return "";
    case "failed":
      return `\n          ${result.why}`;
    case "not checked":
      return ` – not checked: ${result.reason}`;
  }
}

async function firstChannel({
  url,
  headers,
  timeoutMs,
}: Pick<TestedServerOptions, "url" | "headers" | "timeoutMs">): Promise<string> {
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
