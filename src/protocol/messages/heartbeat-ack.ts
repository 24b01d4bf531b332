/** The answer to HEARTBEAT: both clocks, for the offset and the round trip. */
export interface HeartbeatAck {
  readonly op: "HEARTBEAT_ACK";
  readonly server_time_unix_ms: number;
  readonly client_time_unix_ms?: number;
  /** A fresh one, so that RESUME works for `resume_token_ttl_ms` after the connection is lost. */
  readonly session_id?: string;
}
