/** The first message of a connection, which asks for all subscriptions. */
import type { SubscriptionRequest } from "../../protocol/messages/subscribe.ts";
import type { UpMessage } from "../../protocol/up.ts";
import { VERSIONS } from "../../protocol/version.ts";

/** `token` is the session id of the connection before. */
export function identification(
  token: string | undefined,
  credentials: unknown,
  subscriptions: readonly SubscriptionRequest[],
): UpMessage {
  const rest = {
    ...VERSIONS,
    ...(credentials !== undefined && { auth: credentials }),
    subscriptions,
  };
  if (token === undefined) return { op: "IDENTIFY", ...rest };
  // Without `last_seq`, which would also acknowledge for views that have been opened since.
  return { op: "RESUME", session_id: token, ...rest };
}
