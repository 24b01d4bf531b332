/**
 * The one table of errors. The wire, the HTTP layer, `TidemarkError.retryable`, the metrics,
 * `docs/errors.md` and the tests use it. A code never changes its meaning. Browsers need no
 * texts: they load `retryable.ts` alone.
 */

export interface ErrorCodeEntry {
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** The status of an HTTP answer that carries the code. */
  readonly status: number;
  readonly meaning: string;
  /** How the reader of the error can resolve it. */
  readonly action: string;
}

/** Every code with its meaning and the remedy. */
export const ERROR_CODES = {
  BAD_MESSAGE: {
    retryable: false,
    status: 400,
    meaning: "The server could not understand a frame or a request.",
    action: "Correct what the message names. With our own client this is a bug: please report it.",
  },
  BAD_QUERY: {
    retryable: false,
    status: 400,
    meaning: "A query names a column, an operator or a value that the channel does not have.",
    action: "Correct the query; the message names the part that is wrong.",
  },
  BAD_REGEX: {
    retryable: false,
    status: 400,
    meaning: "A regex is not valid in the linear-time engine, or it is too large.",
    action: "Use RE2 syntax, without look-around and back-references, or a shorter pattern.",
  },
  QUERY_TOO_COSTLY: {
    retryable: false,
    status: 400,
    meaning: "The terms of a query cost more time than one query may take.",
    action: "Simplify its like and regex terms; the message has the numbers.",
  },
  BAD_ROW: {
    retryable: false,
    status: 400,
    meaning: "A row does not fit the declaration of its channel. Nothing was written.",
    action: "Correct the row; the message names the field or the limit.",
  },
  BAD_OPTION: {
    retryable: false,
    status: 400,
    meaning: "An option or an argument is missing, unknown or out of range.",
    action: "Correct the option that the message names.",
  },
  UNKNOWN_CHANNEL: {
    retryable: false,
    status: 404,
    meaning: "The server has no channel of that name, or the caller may see nothing of it.",
    action: "Check the name, that its source has started, and the channel's policy.",
  },
  UNKNOWN_SESSION: {
    retryable: true,
    status: 404,
    meaning: "This process has no session of that id.",
    action: "Connect again. Behind a load balancer, send one session to one process.",
  },
  UNKNOWN_VIEW: {
    retryable: false,
    status: 404,
    meaning: "The session has no view of that id.",
    action: "Send SUBSCRIBE with the query of the view.",
  },
  UNKNOWN_ROW: {
    retryable: false,
    status: 404,
    meaning: "The channel has no row with that key, or the caller may not see it.",
    action: "Check the key. The row may have been removed or evicted.",
  },
  UNAUTHENTICATED: {
    retryable: false,
    status: 401,
    meaning: "The credentials are missing, or the server does not accept them.",
    action: "Sign in again, and send fresh credentials.",
  },
  BAD_IDENTITY: {
    retryable: false,
    status: 500,
    meaning:
      "authenticate returned a value that the server can't distinguish from other identities.",
    action: "Return plain JSON data from authenticate; the message names the part that is not.",
  },
  PROTOCOL_MISMATCH: {
    retryable: false,
    status: 400,
    meaning: "Client and server have no version of the protocol in common.",
    action: "Update the side that the message calls too old. PROTOCOL.md, V4, has the order.",
  },
  FORBIDDEN: {
    retryable: false,
    status: 403,
    meaning: "The identity may not do this.",
    action:
      "Ask for the right, or let isOperator, or the channel's ingest, return true for this identity.",
  },
  FORBIDDEN_ORIGIN: {
    retryable: false,
    status: 403,
    meaning: "The Origin of the page, or the Host, is not on the allow list.",
    action: "Add the origin to allowedOrigins (--allow-origin).",
  },
  NOT_IDENTIFIED: {
    retryable: false,
    status: 400,
    meaning: "The first message on a connection must be IDENTIFY or RESUME.",
    action: "Send IDENTIFY first.",
  },
  TOO_MANY_FRAMES: {
    retryable: false,
    status: 429,
    meaning: "A connection sent more frames per second than it may. The server closes it.",
    action: "Send fewer frames, or raise framesPerSecondMax and framesBurstMax.",
  },
  TOO_MANY_VIEWS: {
    retryable: true,
    status: 503,
    meaning: "The server has reached its limit of different views.",
    action: "Let clients share queries, try again later, or raise viewsMax.",
  },
  TOO_MANY_SUBSCRIPTIONS: {
    retryable: false,
    status: 429,
    meaning: "A connection asked for more subscriptions than it may have.",
    action: "Unsubscribe from views that are not shown, or raise subscriptionsPerSessionMax.",
  },
  VIEW_TOO_LARGE: {
    retryable: true,
    status: 503,
    meaning: "With this view the server would keep more rows or bytes than its limits allow.",
    action:
      "Add a where or a limit to the query, try again later, or raise entriesMax and bytesMax.",
  },
  LOG_FULL: {
    retryable: true,
    status: 429,
    meaning: "Commits arrive faster than the server applies them, and too many callers wait.",
    action: "Write more slowly or in larger commits, and try again.",
  },
  LOG_TRIMMED: {
    retryable: false,
    status: 503,
    meaning: "The log has trimmed the commits after this seq.",
    action: "Start the reader from a checkpoint.",
  },
  SUPERSEDED: {
    retryable: false,
    status: 503,
    meaning:
      "Another leader has appended commits for the source. This leader may not append any more.",
    action: "Stop this leader. To lead again, start the source anew.",
  },
  TABLE_REFUSED: {
    retryable: false,
    status: 500,
    meaning: "The server can't serve a table.",
    action: "Read the message, which names the table, the reason and what to do.",
  },
  MISSING_GRANT: {
    retryable: false,
    status: 500,
    meaning: "The database role lacks a right that Tidemark needs.",
    action: "Run the SQL that `npx tidemark doctor --role` prints.",
  },
  DATABASE_REFUSED: {
    retryable: false,
    status: 500,
    meaning: "Tidemark can't use the database as it is.",
    action: "Do what the message says.",
  },
  SOURCE_DOWN: {
    retryable: true,
    status: 503,
    meaning: "The server can't reach a source at the moment.",
    action: "Try again. If it lasts, check the database and `npx tidemark doctor`.",
  },
  PORT_IN_USE: {
    retryable: true,
    status: 500,
    meaning: "Another program listens on the port.",
    action: "Choose another port (--port, or PORT), or stop that program.",
  },
  PUBLIC_BIND: {
    retryable: false,
    status: 500,
    meaning: "Others could reach the address, and the server has no authentication.",
    action: "Pass authenticate, bind 127.0.0.1, or allow it with allowPublic (--allow-public).",
  },
  NOT_READY: {
    retryable: true,
    status: 503,
    meaning: "The server can't answer now: it starts, it stops, or it is full.",
    action: "Try again in a moment.",
  },
  UNKNOWN_MUTATION: {
    retryable: false,
    status: 404,
    meaning: "The server declares no mutation of that name.",
    action: "Check the name, and that client and server are of the same version.",
  },
  BAD_INPUT: {
    retryable: false,
    status: 400,
    meaning: "The input does not fit the schema of the mutation. Nothing was written.",
    action: "Correct the input; the message names the field.",
  },
  STALE_WRITE: {
    retryable: false,
    status: 409,
    meaning: "The row has changed since the seq that the write expected. Nothing was written.",
    action: "Show the user the row as it is now, which the error carries, and let the user decide.",
  },
  MUTATION_FAILED: {
    retryable: false,
    status: 500,
    meaning: "The handler of the mutation failed. Nothing was written.",
    action: "Read the server's log, which has the cause.",
  },
  MUTATION_CONFLICT: {
    retryable: false,
    status: 409,
    meaning: "The id of the mutation was used for another write before. Nothing was written.",
    action: "Make a new mutation_id for each write.",
  },
  TOO_MANY_MUTATIONS: {
    retryable: true,
    status: 429,
    meaning: "The limit of pending mutations is reached. This mutation was not sent.",
    action: "Try again when some mutations have been answered.",
  },
  OUTCOME_UNKNOWN: {
    retryable: false,
    status: 500,
    meaning:
      "The mutation was sent, and no answer came for so long that the server no longer knows its outcome.",
    action: "Look at the row before you write again.",
  },
  GROUPS_FULL: {
    retryable: false,
    status: 500,
    meaning:
      "A derived table has as many groups as it may have. It keeps its last rows, and its channel is stale with this reason.",
    action:
      "Group by fewer values, filter with where, keep fewer spans of time (timeBucket with keep), or raise its groupsMax.",
  },
  HISTORY_FULL: {
    retryable: true,
    status: 429,
    meaning:
      "The history store is behind or down, and the rows that wait for it fill their bounds. Nothing was written.",
    action: "Try again later. If it lasts, check the store; the server's log has the cause.",
  },
  HISTORY_IN_USE: {
    retryable: false,
    status: 500,
    meaning: "Another process writes the same history store.",
    action: "Stop that process, or give each deployment a store of its own.",
  },
  HISTORY_TRIMMED: {
    retryable: false,
    status: 410,
    meaning: "The history no longer has the rows of that time or seq.",
    action: "Ask for a later time; the message names the earliest one that is kept.",
  },
  REPLAY_TOO_LARGE: {
    retryable: false,
    status: 413,
    meaning: "The tables of a replay have more rows than it may hold.",
    action: "Replay fewer channels (channels=a,b), or raise limits.history.replayRowsMax.",
  },
  READ_ONLY: {
    retryable: false,
    status: 403,
    meaning: "A replay shows the past, and takes no writes.",
    action: "Write with a client of the live stream.",
  },
  HISTORY_UNAVAILABLE: {
    retryable: true,
    status: 503,
    meaning: "The history store can't be reached or does not answer.",
    action: "Try again. If it lasts, check the store; the server's log has the cause.",
  },
  NO_HISTORY: {
    retryable: false,
    status: 404,
    meaning: "The channel keeps no history.",
    action: "Declare the channel with history, and pass a store to createTidemark.",
  },
  INGEST_FULL: {
    retryable: true,
    status: 429,
    meaning: "Too many ingest requests, or too many bytes of them, wait for an answer.",
    action: "Send the request again after the seconds of Retry-After.",
  },
  INGEST_TOO_LARGE: {
    retryable: false,
    status: 413,
    meaning: "An ingest request has more bytes or rows than one may have. Nothing was written.",
    action: "Send the rows in several requests; the message has the limit.",
  },
  INGEST_TIMEOUT: {
    retryable: true,
    status: 408,
    meaning: "The body of an ingest request took too long to arrive. Nothing was written.",
    action: "Send it again, in smaller requests if the connection is slow.",
  },
  TELEMETRY_TOO_LARGE: {
    retryable: false,
    status: 413,
    meaning: "A page's report about itself has more bytes than it may have. Nothing was counted.",
    action: "Send at most 2,048 bytes, with their Content-Length.",
  },
  TELEMETRY_TOO_OFTEN: {
    retryable: true,
    status: 429,
    meaning:
      "A session reported about its page less than 10 s ago, or too many sessions did. Nothing was counted.",
    action: "Send the next report after the seconds of Retry-After.",
  },
  UNSUPPORTED_BODY: {
    retryable: false,
    status: 415,
    meaning: "The server does not read this Content-Type or Content-Encoding.",
    action: "Send application/json or application/x-ndjson, without compression.",
  },
  IDEMPOTENCY_CONFLICT: {
    retryable: false,
    status: 409,
    meaning: "The Idempotency-Key was used for another body before. Nothing was written.",
    action: "Make a new key for each body, and repeat a key only with the same bytes.",
  },
  UNKNOWN_POSITION: {
    retryable: false,
    status: 400,
    meaning: "The text is not a txid of a source of this server.",
    action: "Send the text that tidemark.txid() returned on this deployment.",
  },
  INTERNAL: {
    retryable: false,
    status: 500,
    meaning: "The server failed.",
    action: "Read the server's log, which has the cause.",
  },
  STOPPED: {
    retryable: true,
    status: 503,
    meaning: "The server or the client has been stopped.",
    action: "Create a new one: a stopped server or client does not start again.",
  },
} as const satisfies Readonly<Record<string, ErrorCodeEntry>>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** The codes whose entry says that the same call may succeed later. */
export type RetryableCode = {
  [C in ErrorCode]: (typeof ERROR_CODES)[C]["retryable"] extends true ? C : never;
}[ErrorCode];

/** The entry of a code; undefined for a code of the application's own. */
export function errorEntryOf(code: string): ErrorCodeEntry | undefined {
  return Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code as ErrorCode] : undefined;
}
