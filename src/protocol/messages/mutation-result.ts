import type { JsonValue, Row } from "../row.ts";

/**
 * What became of a MUTATE. A success comes in the turn whose WATERMARK is the first to cover the
 * write, or a later one; a failure at once.
 */
export interface MutationResult {
  readonly op: "DISPATCH";
  readonly type: "MUTATION_RESULT";
  readonly mutation_id: string;
  /** Views that stand at this position or after it hold the write. Absent with `error`. */
  readonly seq?: number;
  /** What the handler returned. */
  readonly value?: JsonValue;
  readonly error?: MutationFailure;
}

/** Nothing was written. */
export interface MutationFailure {
  /** One of `ERROR_CODES`, or the application's own. */
  readonly code: string;
  readonly message: string;
  readonly data?: JsonValue;
  /** With `STALE_WRITE`: the row as it is now; null when it is gone or may not be seen. */
  readonly row?: Row | null;
}
