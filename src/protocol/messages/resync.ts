/** Why a client wants one view again. */
export type ResyncReason = "gap" | "drift";

/** Seats one view again: from a position, or, without `seq`, from a fresh snapshot. */
export interface Resync {
  readonly op: "RESYNC";
  /** Returned in SUBSCRIBED and ERROR. */
  readonly id?: number;
  readonly view: string;
  /** Where the client stands. Left out where its rows can't be trusted. */
  readonly seq?: number;
  /** Counted by the server. */
  readonly reason?: ResyncReason;
}
