/** The texts of INVALID_SESSION: why a session can't continue. */
import type {
  InvalidSession,
  InvalidSessionReason,
} from "../../protocol/messages/invalid-session.ts";

const REASONS: Readonly<Record<InvalidSessionReason, string>> = {
  token: "This is not a session id of this server.",
  epoch: "The session belongs to another history, or to channels that have been declared anew.",
  expired: "The session id is too old.",
  identity: "The credentials are not those of the session.",
  revoked: "The rights of this identity have changed.",
};

export function invalidSession(reason: InvalidSessionReason): InvalidSession {
  return { op: "INVALID_SESSION", reason, message: `${REASONS[reason]} Send IDENTIFY.` };
}
