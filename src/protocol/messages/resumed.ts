/** The session goes on; each subscription is answered by its own SUBSCRIBED. */
export interface Resumed {
  readonly op: "DISPATCH";
  readonly type: "RESUMED";
  /** For the next RESUME, within `resume_token_ttl_ms`. */
  readonly session_id: string;
  readonly epoch: string;
  /** The server's position at this moment. */
  readonly seq: number;
}
