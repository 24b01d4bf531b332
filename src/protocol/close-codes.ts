/**
 * The server's WebSocket close codes, and the errors after which a client does not reconnect by
 * itself.
 */
export const REFUSALS = {
  UNAUTHENTICATED: 4401,
  PROTOCOL_MISMATCH: 4406,
  HISTORY_TRIMMED: 4410,
  REPLAY_TOO_LARGE: 4413,
} as const;

export type Refusal = keyof typeof REFUSALS;

export function isRefusal(code: string): code is Refusal {
  return code in REFUSALS;
}

/** The code after an error for which a connection can't begin, or goes on no longer. */
export function closeCodeOf({ code, retryable }: { code: string; retryable: boolean }): number {
  if (isRefusal(code)) return REFUSALS[code];
  return retryable ? CLOSE.goingAway : CLOSE.unauthenticated;
}

/** WebSocket close codes that the server uses, beside the standard ones. */
export const CLOSE = {
  /** 1001: the server is stopping; connect again. */
  goingAway: 1001,
  /** 1009: a client frame above `clientFrameBytesMax`. */
  tooLarge: 1009,
  /** 4400: a frame that could not be understood. The ERROR before it says why. */
  badMessage: 4400,
  /** 4401: credentials missing or refused. Do not retry unchanged. */
  unauthenticated: REFUSALS.UNAUTHENTICATED,
  /** 4406: client and server have no version of the protocol in common. Do not retry unchanged. */
  protocolMismatch: REFUSALS.PROTOCOL_MISMATCH,
  /** 4408: no IDENTIFY, or no frame at all, in time. Connect again. */
  timeout: 4408,
} as const;
