/**
 * One error class and the one table of its codes, behind the wire, the docs, the metrics
 * and the tests. A code never changes its meaning; a message says what happened and what to do.
 */

/** Every code with what it means and whether the same call may succeed later. */
export const ERROR_CODES = {
  BAD_MESSAGE: { retryable: false, meaning: "A frame or request could not be understood." },
  BAD_QUERY: { retryable: false, meaning: "A query names a column, operator or value that the channel does not have." },
  BAD_REGEX: { retryable: false, meaning: "A regex is not valid in the linear-time engine, or is too large." },
  BAD_ROW: { retryable: false, meaning: "A row does not fit its channel's declaration." },
  BAD_OPTION: { retryable: false, meaning: "An option or argument is missing or out of range." },
  UNKNOWN_CHANNEL: { retryable: false, meaning: "No channel of that name is served here." },
  UNKNOWN_SESSION: { retryable: true, meaning: "This process has no session of that id; connect again." },
  UNKNOWN_VIEW: { retryable: false, meaning: "The session has no view of that id." },
  UNKNOWN_ROW: { retryable: false, meaning: "The channel holds no row with that key." },
  UNAUTHENTICATED: { retryable: false, meaning: "The server wants credentials that it accepts." },
  FORBIDDEN: { retryable: false, meaning: "The identity may not see this channel." },
  FORBIDDEN_ORIGIN: { retryable: false, meaning: "The page's Origin or the Host is not on the allow list." },
  NOT_IDENTIFIED: { retryable: false, meaning: "The first message on a connection must be IDENTIFY." },
  TOO_MANY_VIEWS: { retryable: true, meaning: "The server maintains as many different views as it may." },
  TOO_MANY_SUBSCRIPTIONS: { retryable: false, meaning: "One connection asked for more subscriptions than it may have, or all of them for more than can be seated now." },
  VIEW_TOO_LARGE: { retryable: true, meaning: "The view would hold more rows than the server's bound allows." },
  LOG_FULL: { retryable: true, meaning: "Commits arrive faster than they can be applied, and too many callers wait." },
  TABLE_REFUSED: { retryable: false, meaning: "A table can't be served; the message says why and what would help." },
  MISSING_GRANT: { retryable: false, meaning: "The database role lacks a right that Tidemark needs." },
  DATABASE_REFUSED: { retryable: false, meaning: "The database can't be used as it is." },
  SOURCE_DOWN: { retryable: true, meaning: "A source can't be read at the moment." },
  PORT_IN_USE: { retryable: true, meaning: "Another program listens on the port." },
  PUBLIC_BIND: { retryable: false, meaning: "A bind that others can reach needs authentication or an explicit flag." },
  NOT_READY: { retryable: true, meaning: "The server is starting and has not loaded its channels yet." },
  INTERNAL: { retryable: false, meaning: "The server failed; its log has the cause." },
  STOPPED: { retryable: true, meaning: "The server or client has been stopped." },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export class TidemarkError extends Error {
  override readonly name = "TidemarkError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    return error.errors.map(messageOf).join("; ");
  }
  return error instanceof Error ? error.message : String(error);
}
