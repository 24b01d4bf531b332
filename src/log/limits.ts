/** Bounds of a log. Each can be set by option; the answer to "what if it is full?" stands beside it. */
export interface LogLimits {
  /** Rows in commits that some reader has not acknowledged. Full: `append` waits. One commit may exceed it alone. */
  readonly pendingRowsMax: number;
  /** Callers that wait in `append`. Full: `append` fails with `LOG_FULL`, and nothing is kept of it. */
  readonly waitersMax: number;
}

export const LOG_LIMITS: LogLimits = {
  pendingRowsMax: 200_000,
  waitersMax: 10_000,
};
