/** H9: what pages report of themselves. */
import { PAGE_REPORT_BYTES_MAX } from "../../protocol/limits.ts";
import { check, type Check } from "./check.ts";
import { must, skip } from "./check-result.ts";
import type { TestedServer } from "./tested-server.ts";

const REPORT = {
  visible: true,
  ui_render_drop_ratio: 0.01,
  ui_render_commit_ms: [8, 12.5],
  ui_heap_used_mb: 20,
  ui_heap_of: "page",
};

export const TELEMETRY_RULES: readonly Check[] = [
  check("H9", "a session's report is taken, and the next one comes too soon", async (server) => {
    const session = await sessionOf(server);
    const first = await post(server, session, JSON.stringify(REPORT));
    if (first.status === 404) skip("the server takes no reports of pages");
    must(first.status === 204, "a report is answered 204", first);
    const second = await post(server, session, JSON.stringify(REPORT));
    must(
      second.status === 429 && second.code === "TELEMETRY_TOO_OFTEN" && second.retryAfter > 0,
      "the next one is refused with 429, TELEMETRY_TOO_OFTEN and Retry-After",
      second,
    );
  }),
  check("H9", "a report that is too long, and one of no session, are refused", async (server) => {
    const of = await post(server, "no-such-session", JSON.stringify(REPORT));
    if (of.code !== "UNKNOWN_SESSION") {
      const known = await post(server, await sessionOf(server), JSON.stringify(REPORT));
      if (known.status === 404) skip("the server takes no reports of pages");
    }
    must(of.status === 404, "a session that is not known is 404", of);
    const long = JSON.stringify({ ...REPORT, note: "x".repeat(PAGE_REPORT_BYTES_MAX) });
    const refused = await post(server, await sessionOf(server), long);
    must(
      refused.status === 413 && refused.code === "TELEMETRY_TOO_LARGE",
      "a report above 2,048 bytes is refused with 413 and TELEMETRY_TOO_LARGE",
      refused,
    );
  }),
];

interface Answer {
  readonly status: number;
  /** Of the error; undefined without one. */
  readonly code: string | undefined;
  /** In seconds; 0 where the server does not say. */
  readonly retryAfter: number;
}

async function sessionOf(server: TestedServer): Promise<string> {
  const client = await server.identified();
  return String(client.frames.find(({ type }) => type === "READY")?.["session_id"]);
}

async function post(server: TestedServer, session: string, body: string): Promise<Answer> {
  const path = `/telemetry?session=${encodeURIComponent(session)}`;
  const response = await server.http(path, { method: "POST", body });
  const text = await response.text();
  return {
    status: response.status,
    code: /"code":"(\w+)"/.exec(text)?.[1],
    retryAfter: Number(response.headers.get("retry-after") ?? 0),
  };
}
