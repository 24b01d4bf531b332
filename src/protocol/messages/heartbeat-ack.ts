export interface HeartbeatAck {
  readonly op: "HEARTBEAT_ACK";
  readonly server_time_unix_ms: number;
  readonly client_time_unix_ms?: number;
}
