/**
 * The versions of the protocol at the start of a connection: the version in the client's address,
 * and the versions in HELLO.
 */
import type { Identify } from "../../protocol/messages/identify.ts";
import type { Resume } from "../../protocol/messages/resume.ts";
import {
  DIGEST_VERSION,
  PROTOCOL_MIN,
  PROTOCOL_VERSION,
  versionFault,
} from "../../protocol/version.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { Hello } from "../../protocol/messages/hello.ts";
import type { ServerLimits } from "../limits.ts";
import type { Peer } from "../turn/session.ts";
import { JSON_DIALECT } from "./json-dialect.ts";

/** A client that states no version speaks at most this one. */
const UNSTATED = DIGEST_VERSION - 1;

/**
 * `?protocol=N` of the address, for clients that send no frames or need an older HELLO.
 */
function statedIn(url: string): number | undefined {
  const text = /[?&]protocol=(\d{1,6})(?:&|$)/.exec(url)?.[1];
  return text === undefined ? undefined : Number(text);
}

/** The version before the client's first frame. Clients of other dialects have no version. */
export function addressedVersion({ dialect, request }: Peer): number {
  return dialect === JSON_DIALECT ? (statedIn(request.url) ?? UNSTATED) : PROTOCOL_VERSION;
}

/**
 * HELLO states the newest version that the server speaks, or the older one in the address.
 */
export function helloTo(
  { request }: Peer,
  sessionId: string,
  limits: Pick<ServerLimits, "heartbeatIntervalMs" | "identifyTimeoutMs">,
  nowMs: number,
): Hello {
  const stated = statedIn(request.url) ?? PROTOCOL_VERSION;
  return {
    op: "HELLO",
    protocol: Math.min(PROTOCOL_VERSION, Math.max(PROTOCOL_MIN, stated)),
    protocol_min: PROTOCOL_MIN,
    session_id: sessionId,
    heartbeat_interval_ms: limits.heartbeatIntervalMs,
    identify_timeout_ms: limits.identifyTimeoutMs,
    server_time_unix_ms: nowMs,
  };
}

/**
 * Why the client and this server have no version in common; undefined if they have one.
 */
export function versionRefusal(message: Identify | Resume): TidemarkError | undefined {
  const fault = versionFault("client", message);
  return fault === undefined ? undefined : new TidemarkError("PROTOCOL_MISMATCH", fault);
}
