/** The identity is accepted. */
export interface Ready {
  readonly op: "DISPATCH";
  readonly type: "READY";
  readonly session_id: string;
  readonly epoch: string;
  /** The server's position at this moment. */
  readonly seq: number;
}
