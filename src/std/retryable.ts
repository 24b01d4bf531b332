/** Which errors may be gone when the same call is made again. */

const RETRYABLE: readonly string[] = [
  "UNKNOWN_SESSION",
  "TOO_MANY_VIEWS",
  "VIEW_TOO_LARGE",
  "LOG_FULL",
  "SOURCE_DOWN",
  "PORT_IN_USE",
  "NOT_READY",
  "TOO_MANY_MUTATIONS",
  "STOPPED",
];

/** Whether the same call may succeed later. */
export function isRetryable(code: string): boolean {
  return RETRYABLE.includes(code);
}
