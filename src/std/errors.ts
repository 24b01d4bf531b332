/**
 * One error class with a stable code; a message says what happened and what to do. The codes are in
 * `error-codes.ts`.
 */
import type { ErrorCode } from "./error-codes.ts";
import { isRetryable } from "./retryable.ts";

export type { ErrorCode } from "./error-codes.ts";

export class TidemarkError extends Error {
  override readonly name = "TidemarkError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get retryable(): boolean {
    return isRetryable(this.code);
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(messageOf).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}
