import type { ErrorCode } from "../../std/errors.ts";

/** A request that failed. The connection stays open unless a close follows. */
export interface ErrorMessage {
  readonly op: "ERROR";
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: boolean;
  /** Of the SUBSCRIBE that failed, with the position in its `subscriptions`. */
  readonly id?: number;
  readonly index?: number;
  /** A subscription to this view has ended. */
  readonly view?: string;
}
