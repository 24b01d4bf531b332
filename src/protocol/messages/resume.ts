import type { SubscriptionRequest } from "./subscribe.ts";

/** In place of IDENTIFY: continues a session on whichever connection or node this is. */
export interface Resume {
  readonly op: "RESUME";
  /** The newest that READY, RESUMED or HEARTBEAT_ACK told. */
  readonly session_id: string;
  /** The seq of the last WATERMARK without `behind`: where subscriptions without a cursor stand. */
  readonly last_seq?: number;
  /** Checked anew, as in IDENTIFY. */
  readonly auth?: unknown;
  readonly subscriptions?: readonly SubscriptionRequest[];
}
