/**
 * INVALID_SESSION: the session can't continue. The connection stays open: the client sends
 * IDENTIFY.
 */
import type * as v from "valibot";
import { fields, only, oneOf, words } from "../schema.ts";

/**
 * - `token`: not a session id of this server
 * - `epoch`: seqs of another history
 * - `expired`: older than `resume_token_ttl_ms`
 * - `identity`: the credentials are refused now, or are those of another identity
 * - `revoked`: the identity's rights have changed; the client must drop the rows that it got under
 *   the old rights
 */
const reason = oneOf(["token", "epoch", "expired", "identity", "revoked"]);

export const invalidSession = fields({ op: only("INVALID_SESSION"), reason, message: words });

export type InvalidSession = v.InferOutput<typeof invalidSession>;
export type InvalidSessionReason = InvalidSession["reason"];
