import type { Query } from "../query.ts";

/** Where a client stands in one view: valid for this epoch and this view id only. */
export interface Cursor {
  readonly epoch: string;
  readonly view: string;
  readonly seq: number;
}

/** A channel's name, or a query, with the cursor to continue from if there is one. */
export type SubscriptionRequest = string | (Query & { readonly cursor?: Cursor });

/** Adds subscriptions, or seats existing ones again from the given cursor. */
export interface Subscribe {
  readonly op: "SUBSCRIBE";
  /** Returned in SUBSCRIBED and ERROR, with the position in `subscriptions`. */
  readonly id?: number;
  readonly subscriptions: readonly SubscriptionRequest[];
}
