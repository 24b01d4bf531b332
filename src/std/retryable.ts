/**
 * The codes that the table in `error-codes.ts` calls retryable, apart from its texts, which
 * browsers do not load. The compiler checks by the type that both agree.
 */
import type { RetryableCode } from "./error-codes.ts";

const RETRYABLE: Readonly<Record<RetryableCode, true>> = {
  UNKNOWN_SESSION: true,
  TOO_MANY_VIEWS: true,
  VIEW_TOO_LARGE: true,
  LOG_FULL: true,
  HISTORY_FULL: true,
  HISTORY_UNAVAILABLE: true,
  INGEST_FULL: true,
  INGEST_TIMEOUT: true,
  SOURCE_DOWN: true,
  PORT_IN_USE: true,
  NOT_READY: true,
  TELEMETRY_TOO_OFTEN: true,
  TOO_MANY_MUTATIONS: true,
  STOPPED: true,
};

/** Whether the same call may succeed later. False for a code of the application's own. */
export function isRetryable(code: string): boolean {
  return Object.hasOwn(RETRYABLE, code);
}
