/** The server is about to close this connection. */
export interface Reconnect {
  readonly op: "RECONNECT";
  /** How long to wait at least before connecting again; clients add chance. */
  readonly retry_after_ms: number;
}
