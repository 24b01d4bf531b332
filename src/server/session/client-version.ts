/** The newest version of the protocol that a client speaks, as its address and its first frame state it. */
import { DIGEST_VERSION, PROTOCOL_MIN, PROTOCOL_VERSION } from "../../protocol/version.ts";
import type { Peer } from "../turn/session.ts";
import { JSON_DIALECT } from "./json-dialect.ts";

/** A client that states no version speaks at most this one. */
const UNSTATED = DIGEST_VERSION - 1;

/** `?protocol=N` of the address, which a client that sends no frames of its own, or wants an older HELLO, has. */
function statedIn(url: string): number | undefined {
  const text = /[?&]protocol=(\d{1,6})(?:&|$)/.exec(url)?.[1];
  return text === undefined ? undefined : Number(text);
}

/** Before the client's first frame. Clients of other dialects are not told apart by version. */
export function addressedVersion({ dialect, request }: Peer): number {
  return dialect === JSON_DIALECT ? (statedIn(request.url) ?? UNSTATED) : PROTOCOL_VERSION;
}

/** What HELLO says: the newest version that the server speaks, or an older one that the address asks for. */
export function greetedVersion({ request }: Peer): number {
  const stated = statedIn(request.url) ?? PROTOCOL_VERSION;
  return Math.min(PROTOCOL_VERSION, Math.max(PROTOCOL_MIN, stated));
}
