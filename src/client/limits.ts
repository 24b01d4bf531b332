/**
 * The client's bounds. `ClientLimits` can be set by `createClient({ limits })`; the constants below
 * it follow from the protocol or from the other limits, and are here so that all bounds are in one
 * file.
 */
import { CLIENT_FRAME_BYTES_MAX } from "../protocol/limits.ts";

export interface ClientLimits {
  /**
   * Rows of one view. Full: the view is requested again with this limit, and is marked as partial.
   * Default 200,000.
   */
  readonly viewRowsMax: number;
  /**
   * Rows of one view with `history`. Full: no more pages are loaded, and rows that no longer fit
   * leave at the end. Default 10,000.
   */
  readonly historyRowsMax: number;
  /** Pinned rows of one view. Full: the oldest pin is dropped. Default 100. */
  readonly viewPinsMax: number;
  /**
   * Answers of `client.row` that are kept. Full: the least recently used is dropped. Default 200.
   */
  readonly rowCacheMax: number;
  /** How long such an answer is kept, in milliseconds. Default 5,000. */
  readonly rowCacheMs: number;
  /**
   * Writes that are pending at once. Full: the next fails with `TOO_MANY_MUTATIONS`, and is not
   * sent. Default 1,000.
   */
  readonly pendingWritesMax: number;
  /** From connecting to READY, in milliseconds. Longer: the attempt has failed. Default 10,000. */
  readonly handshakeMs: number;
  /**
   * Silence of the server, in milliseconds, after which the rows are called stale. Default 3,000.
   */
  readonly quietMs: number;
}

export const CLIENT_LIMITS: ClientLimits = {
  viewRowsMax: 200_000,
  historyRowsMax: 10_000,
  viewPinsMax: 100,
  rowCacheMax: 200,
  rowCacheMs: 5_000,
  pendingWritesMax: 1_000,
  handshakeMs: 10_000,
  quietMs: 3_000,
};

/**
 * A commit that waited longer than this to be shown, as in a hidden page, is shown as
 * `catching_up`.
 */
export const SHOWN_LATE_MS = 1_500;
/** Changed rows that a paused view counts. Full: the server waits until the view resumes. */
export const PAUSED_KEYS_MAX = 10_000;
/**
 * A worker posts something each second, also in a hidden page. One that is silent for longer is
 * dead.
 */
export const WORKER_SILENT_MS = 10_000;
/** The engine sends its connection's stats to the page at this interval. */
export const STATS_INTERVAL_MS = 1_000;
/** The page is not told of smaller moves of `asOf`. */
export const AS_OF_STEP_MS = 1_000;

/** A page reports of itself this rarely where the server does not take its reports. */
export const REPORT_PAUSE_MS_MAX = 600_000;

/** A `Retry-After` that is longer counts as this. */
export const RETRY_AFTER_MS_MAX = 300_000;
/** Attempts that fail in a row before the developer is warned. */
export const WARNING_ATTEMPTS = 3;
/** A long poll's answer waits so long for news. */
export const LONG_POLL_MS = 15_000;
/** Polls that fail in a row before the connection counts as lost. */
export const POLL_FAILURES_MAX = 2;
/**
 * Silence beyond the heartbeat interval, and after a heartbeat, after which the connection counts
 * as dead.
 */
export const HEARTBEAT_GRACE_MS = 5_000;
/** A timer that fires this late shows that the machine slept. */
export const SLEPT_MS = 5_000;

/** A row request without an answer is given up after this time: others wait behind it. */
export const ROW_REQUEST_MS_MAX = 10_000;
/** A message by POST waits for the server's answer for at most this long. */
export const UP_REQUEST_MS_MAX = 30_000;
/** HTTP requests of low priority that wait. Full: the oldest fails with `STOPPED`. */
export const REQUESTS_WAITING_MAX = 16;
/** Characters of one frame of subscriptions, well below what the server takes. */
export const SUBSCRIBE_LENGTH_MAX = CLIENT_FRAME_BYTES_MAX / 4;
/** A subscription without an answer is requested again after this time. */
export const SUBSCRIBE_ANSWER_MS_MAX = 10_000;

/**
 * Turns that the server may send before the page has shown them: the least, the most, and how long
 * they should last.
 */
export const CREDIT_TURNS_MIN = 8;
export const CREDIT_TURNS_MAX = 128;
export const CREDIT_AHEAD_MS = 500;
/** The rate of turns is measured over this time. */
export const CREDIT_WINDOW_MS = 2_000;

/** Writes under way at once: as many as a server takes from one connection. */
export const WRITES_IN_FLIGHT_MAX = 32;
/**
 * Servers remember mutations for a day. A write that has not been answered for so long is not sent
 * again.
 */
export const WRITE_RESEND_MS_MAX = 12 * 3_600_000;
/** A write that has not been answered for this long on an open connection is sent again. */
export const WRITE_ANSWER_MS_MAX = 15_000;
/** Between two attempts to send a write over HTTP. */
export const WRITE_HTTP_RETRY_MS = 1_000;
/**
 * Histories (`epoch`s) that are remembered. A page drops a write that is pending over more
 * restarts of the server than this.
 */
export const HISTORIES_MAX = 16;

/** Durations are measured over this time, and at most so many of them. */
export const SAMPLE_WINDOW_MS = 60_000;
export const SAMPLES_MAX = 4_096;

/**
 * While the stream is inspected: time between two batches, frames of one batch, and characters of
 * one frame.
 */
export const INSPECT_BATCH_MS = 200;
export const INSPECT_FRAMES_MAX = 200;
export const INSPECT_TEXT_LENGTH_MAX = 4_000;
