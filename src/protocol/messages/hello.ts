/** The server's first frame on a connection. */
export interface Hello {
  readonly op: "HELLO";
  readonly protocol: number;
  readonly session_id: string;
  /** The client sends HEARTBEAT at least this often. */
  readonly heartbeat_interval_ms: number;
  /** Within this time the client must have sent IDENTIFY. */
  readonly identify_timeout_ms: number;
  readonly server_time_unix_ms: number;
}
