/**
 * `POST /telemetry?session=<session_id>`: what a page reports of itself. The newest id that an
 * identified session got stands for its identity; it is signed, so any node takes it.
 */
import { TidemarkError } from "../../std/errors.ts";
import { PAGE_REPORT_INTERVAL_MS } from "../../protocol/limits.ts";
import { pageReport } from "../../protocol/page-report.ts";
import { checked } from "../../protocol/schema-check.ts";
import type { Telemetry } from "../observe/telemetry.ts";
import type { SessionTokens } from "../session/session-tokens.ts";
import type { ConnectionRequest } from "../turn/dialect.ts";
import { errorReply, INTERNAL_REPLY, parameter, type Reply } from "./reply.ts";

export interface TelemetryRouteOptions {
  readonly telemetry: Telemetry;
  readonly tokens: Pick<SessionTokens, "identifiedSession">;
}

export class TelemetryRoute {
  readonly #options: TelemetryRouteOptions;

  constructor(options: TelemetryRouteOptions) {
    this.#options = options;
  }

  /**
   * Each request uses up the session's interval, also one whose body is refused.
   * @throws TidemarkError `UNKNOWN_SESSION`, `BAD_MESSAGE`, and what `read` throws
   */
  async post(request: ConnectionRequest, read: () => Promise<string>): Promise<Reply> {
    const { telemetry, tokens } = this.#options;
    const session = tokens.identifiedSession(parameter(request, "session") ?? "");
    if (session === undefined)
      throw new TidemarkError(
        "UNKNOWN_SESSION",
        "The parameter session is not the newest id of a session. Connect again.",
      );
    const waitMs = telemetry.admit(session);
    if (waitMs > 0) return tooOften(waitMs);
    telemetry.take(checked(pageReport, reportIn(await read()), "BAD_MESSAGE"));
    return { status: 204, headers: {}, body: null };
  }
}

function tooOften(waitMs: number): Reply {
  const error = new TidemarkError(
    "TELEMETRY_TOO_OFTEN",
    `A session sends one report per ${PAGE_REPORT_INTERVAL_MS / 1_000} s.`,
  );
  const { headers, ...reply } = errorReply(error) ?? INTERNAL_REPLY;
  return { ...reply, headers: { ...headers, "Retry-After": String(Math.ceil(waitMs / 1_000)) } };
}

function reportIn(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new TidemarkError("BAD_MESSAGE", "The body is a JSON object.", { cause });
  }
}
