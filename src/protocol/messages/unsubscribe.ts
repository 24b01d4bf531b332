/** Ends subscriptions. Views that the session does not have are passed over. */
export interface Unsubscribe {
  readonly op: "UNSUBSCRIBE";
  /** View ids as told by SUBSCRIBED; a bare channel's is its name. */
  readonly views: readonly string[];
}
