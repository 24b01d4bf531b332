/**
 * The error of a mutation that wrote nothing: its handler throws it, the wire carries it, and the
 * caller's promise rejects with it.
 */
import type { MutationFailure } from "./messages/mutation-result.ts";
import type { JsonValue, Row } from "./row.ts";

export interface MutationErrorOptions {
  /** Further values for the caller's program, sent with the code. */
  readonly data?: JsonValue | undefined;
  readonly row?: Row | null | undefined;
  readonly cause?: unknown;
}

export class MutationError extends Error {
  override readonly name = "MutationError";
  /** One of `ERROR_CODES`, or the application's own. */
  readonly code: string;
  readonly data: JsonValue | undefined;
  /** With `STALE_WRITE`: the present row; null when it is gone or the caller may not see it. */
  readonly row: Row | null | undefined;

  constructor(code: string, message: string, { data, row, cause }: MutationErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.data = data;
    this.row = row;
  }
}

export function failureOf({ code, message, data, row }: MutationError): MutationFailure {
  return { code, message, ...(data !== undefined && { data }), ...(row !== undefined && { row }) };
}

export function errorOf({ code, message, data, row }: MutationFailure): MutationError {
  return new MutationError(code, message, { data, row });
}
