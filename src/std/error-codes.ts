/**
 * The one table of error codes, behind the wire, the docs, the metrics and the tests. A code never
 * changes its meaning. It stands apart from the error class because browsers need no texts.
 */
import { isRetryable } from "./retryable.ts";

const MEANINGS = {
  BAD_MESSAGE: "A frame or request could not be understood.",
  BAD_QUERY: "A query names a column, operator or value that the channel does not have.",
  BAD_REGEX: "A regex is not valid in the linear-time engine, or is too large.",
  QUERY_TOO_COSTLY:
    "A query's terms cost more time than one query may. The message has the numbers.",
  BAD_ROW: "A row does not fit its channel's declaration.",
  BAD_OPTION: "An option or argument is missing or out of range.",
  UNKNOWN_CHANNEL: "No channel of that name is served here, or the caller may see nothing of it.",
  UNKNOWN_SESSION: "This process has no session of that id; connect again.",
  UNKNOWN_VIEW: "The session has no view of that id.",
  UNKNOWN_ROW: "The channel holds no row with that key.",
  UNAUTHENTICATED: "The server wants credentials that it accepts.",
  BAD_IDENTITY:
    "The application's authenticate returned something that can't be told from other identities. The message says what.",
  FORBIDDEN: "The identity may not do this.",
  FORBIDDEN_ORIGIN: "The page's Origin or the Host is not on the allow list.",
  NOT_IDENTIFIED: "The first message on a connection must be IDENTIFY.",
  TOO_MANY_FRAMES: "One connection said more than it may per second. It is closed.",
  TOO_MANY_VIEWS: "The server maintains as many different views as it may.",
  TOO_MANY_SUBSCRIPTIONS:
    "One connection asked for more subscriptions than it may have, or all of them for more than can be opened now.",
  VIEW_TOO_LARGE: "The view would hold more rows than the server's bound allows.",
  LOG_FULL: "Commits arrive faster than they can be applied, and too many callers wait.",
  LOG_TRIMMED: "The log has trimmed the commits after this seq. Begin with a checkpoint.",
  SUPERSEDED:
    "Another leader has appended for the source since. This one does not speak for it any more.",
  TABLE_REFUSED: "A table can't be served; the message says why and what would help.",
  MISSING_GRANT: "The database role lacks a right that Tidemark needs.",
  DATABASE_REFUSED: "The database can't be used as it is.",
  SOURCE_DOWN: "A source can't be read at the moment.",
  PORT_IN_USE: "Another program listens on the port.",
  PUBLIC_BIND: "A bind that others can reach needs authentication or an explicit flag.",
  NOT_READY: "The server is starting and has not loaded its channels yet.",
  UNKNOWN_MUTATION: "No mutation of that name is declared here.",
  BAD_INPUT: "The input does not fit the mutation's schema. Nothing was written.",
  STALE_WRITE:
    "The row has changed since the seq that the write expected. Nothing was written; the error has the row as it is now.",
  MUTATION_FAILED:
    "The mutation's handler failed, and nothing was written. The server's log has the cause.",
  MUTATION_CONFLICT: "The mutation's id was used for another write before. Nothing was written.",
  TOO_MANY_MUTATIONS:
    "As many mutations are pending as may be. This one was not sent; try again when some have been answered.",
  OUTCOME_UNKNOWN:
    "The mutation was sent, and no answer came for so long that it can't be asked for again. Look before writing again.",
  UNKNOWN_POSITION: "This is not a position of a source of this server.",
  INTERNAL: "The server failed; its log has the cause.",
  STOPPED: "The server or client has been stopped.",
} as const;

export type ErrorCode = keyof typeof MEANINGS;

interface ErrorCodeEntry {
  readonly meaning: string;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
}

/** Every code with what it means. */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorCodeEntry>> = Object.fromEntries(
  Object.entries(MEANINGS).map(([code, meaning]) => [
    code,
    { meaning, retryable: isRetryable(code) },
  ]),
) as Record<ErrorCode, ErrorCodeEntry>;
