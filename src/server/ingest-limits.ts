/**
 * Limits of ingest over HTTP, with unit, default and what happens when one is full. Each can be
 * set with `createTidemark({ limits: { ingest } })`.
 */
import { atLeast, limitsOf } from "../std/limits.ts";

export interface IngestLimits {
  /** Bytes of one request's body. Full: 413. Default 8 MiB. */
  readonly requestBytesMax: number;
  /**
   * Rows and removed keys of one request, which is one commit. Full: 413; a request is never split.
   * Default 20,000.
   */
  readonly requestRowsMax: number;
  /** Milliseconds from a request's head to the end of its body. Full: 408. Default 30,000. */
  readonly requestMsMax: number;
  /** Requests that have not been answered. Full: 429. Default 256. */
  readonly requestsMax: number;
  /** Bytes of these requests' bodies that have arrived. Full: 429. Default 32 MiB. */
  readonly pendingBytesMax: number;
  /**
   * Milliseconds that a request waits for the history store to hold its rows. Full: 503; a repeat
   * with the same Idempotency-Key continues to wait. Default 30,000.
   */
  readonly durableMsMax: number;
}

const INGEST_LIMITS: IngestLimits = {
  requestBytesMax: 8 * 1024 * 1024,
  requestRowsMax: 20_000,
  requestMsMax: 30_000,
  requestsMax: 256,
  pendingBytesMax: 32 * 1024 * 1024,
  durableMsMax: 30_000,
};

/** Limits that can't be set. */
export const FIXED_INGEST_LIMITS = {
  /** Characters of an Idempotency-Key. A longer one is refused with `BAD_MESSAGE`. */
  keyLengthMax: 255,
} as const;

/** @throws TidemarkError `BAD_OPTION` for an unknown or invalid limit */
export function ingestLimits(given?: Partial<IngestLimits>): IngestLimits {
  return limitsOf("limits.ingest", INGEST_LIMITS, given, [
    ["requestBytesMax", "pendingBytesMax"],
    ...atLeast<IngestLimits>(1, "requestBytesMax", "requestRowsMax", "requestMsMax", "requestsMax"),
  ]);
}
