import type { SubscriptionRequest } from "./subscribe.ts";

/** The client's first frame: who it is, and, to save a round trip, what it wants. */
export interface Identify {
  readonly op: "IDENTIFY";
  /** Handed to the server's `authenticate(request, auth)` as it is. */
  readonly auth?: unknown;
  readonly subscriptions?: readonly SubscriptionRequest[];
  /** With `epoch`: the position of a snapshot taken over HTTP. Only what came after is sent. */
  readonly snapshot_seq?: number;
  readonly epoch?: string;
}
