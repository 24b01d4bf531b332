/** A sign of life, and a probe of the round trip and the clock offset. */
export interface Heartbeat {
  readonly op: "HEARTBEAT";
  /** Comes back in the answer as it is. */
  readonly client_time_unix_ms?: number;
}
