/**
 * - `token`: not a session id of this server
 * - `epoch`: positions of another history
 * - `expired`: older than `resume_token_ttl_ms`
 * - `identity`: the credentials are refused now, or another's
 * - `revoked`: the identity's rights have changed; rows held under them must go
 */
export type InvalidSessionReason = "token" | "epoch" | "expired" | "identity" | "revoked";

/** The session can't go on. The connection stays: the client sends IDENTIFY. */
export interface InvalidSession {
  readonly op: "INVALID_SESSION";
  readonly reason: InvalidSessionReason;
  readonly message: string;
}
