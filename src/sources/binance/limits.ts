/**
 * Bounds and periods of the Binance source, in milliseconds, rows or weight as their names say,
 * with their defaults below. Each can be set by the option `limits` of `binance()`.
 */
import { atLeast, limitsOf } from "../../std/limits.ts";

export interface BinanceLimits {
  /** Symbols of one source. All their streams stand in the address of a connection. */
  readonly symbolsMax: number;
  /** The start waits so long for the first copy, then goes on with what is there, not live. */
  readonly startMsMax: number;
  /** A connection that is not open after this long is given up. */
  readonly openMsMax: number;
  /** The interval of pings. Binance allows 5 (spot) or 10 (futures) control frames a second. */
  readonly pingMs: number;
  /** Without a pong for this long, the connection counts as lost. */
  readonly pongMsMax: number;
  /** Without a message for this long, the connection counts as lost, although pongs come. */
  readonly silenceMsMax: number;
  /** The first pause before connecting again; half of it or more, at random. It doubles… */
  readonly reconnectBaseMs: number;
  /** …up to this. */
  readonly reconnectMsMax: number;
  /** The age at which a connection is replaced. Binance closes it after 24 hours. */
  readonly rotateMs: number;
  /** Connections are replaced earlier by a random part of this, so that not all go at once. */
  readonly rotateSpreadMs: number;
  /** How long a new connection may stay without a message before it replaces the old one. */
  readonly settleMs: number;
  /**
   * Messages kept of the new connection until it replaces the old one. Full: it replaces the old
   * one at once, and what is missing is fetched.
   */
  readonly heldMessagesMax: number;
  /** Characters of one message. A longer one closes the connection. */
  readonly messageLengthMax: number;
  /** A request that is not answered after this long fails. */
  readonly requestMsMax: number;
  /** Requests at once; the others wait. */
  readonly requestsMax: number;
  /**
   * Request weight per minute. Binance allows 2,400 (futures) or 6,000 (spot) for all programs of
   * one address. Reached: requests wait for the next minute.
   */
  readonly weightPerMinuteMax: number;
  /** The first pause after a request that failed. It doubles… */
  readonly retryBaseMs: number;
  /** …up to this. */
  readonly retryMsMax: number;
  /**
   * Depth events of one symbol kept while its snapshot is fetched. Full: the oldest are dropped,
   * and only a snapshot that includes them is taken.
   */
  readonly bufferedEventsMax: number;
  /**
   * Trades of one symbol that are fetched after an interruption: the newest. The status row names
   * older ones as missing.
   */
  readonly fetchedTradesMax: number;
  /** Fruitless requests for a missing trade, before the status row names it as missing. */
  readonly fetchAttemptsMax: number;
  /**
   * Trades that wait for the log. Full: the connections are not read until half of them are in the
   * log. The answers of requests under way may come on top.
   */
  readonly waitingTradesMax: number;
  /** Trades in one commit. */
  readonly commitTradesMax: number;
  /**
   * The as-of time stays this far behind the exchange's clock, since a change is announced up to so
   * much later than it was made.
   */
  readonly asOfMarginMs: number;
  /** The interval at which the as-of time is reported when nothing changes. */
  readonly asOfMs: number;
}

const BINANCE_LIMITS: BinanceLimits = {
  symbolsMax: 50,
  startMsMax: 5_000,
  openMsMax: 10_000,
  pingMs: 1_000,
  pongMsMax: 10_000,
  silenceMsMax: 30_000,
  reconnectBaseMs: 500,
  reconnectMsMax: 30_000,
  rotateMs: 23 * 3_600_000,
  rotateSpreadMs: 1_800_000,
  settleMs: 5_000,
  heldMessagesMax: 100_000,
  messageLengthMax: 4 * 1024 * 1024,
  requestMsMax: 10_000,
  requestsMax: 4,
  weightPerMinuteMax: 1_200,
  retryBaseMs: 500,
  retryMsMax: 30_000,
  bufferedEventsMax: 1_000,
  fetchedTradesMax: 10_000,
  fetchAttemptsMax: 8,
  waitingTradesMax: 50_000,
  commitTradesMax: 5_000,
  asOfMarginMs: 250,
  asOfMs: 1_000,
};

/** @throws TidemarkError `BAD_OPTION` for an unknown limit, or limits that can't work */
export function binanceLimits(given?: Partial<BinanceLimits>): BinanceLimits {
  return limitsOf("limits", BINANCE_LIMITS, given, [
    ...atLeast<BinanceLimits>(
      1,
      "symbolsMax",
      "openMsMax",
      "reconnectBaseMs",
      "rotateMs",
      "requestMsMax",
      "requestsMax",
      "retryBaseMs",
      "bufferedEventsMax",
      "fetchedTradesMax",
      "fetchAttemptsMax",
      "waitingTradesMax",
      "commitTradesMax",
      "asOfMs",
    ),
    // Binance allows 5 control frames a second.
    [250, "pingMs"],
    ["pingMs", "pongMsMax"],
    ["pingMs", "silenceMsMax"],
    ["reconnectBaseMs", "reconnectMsMax"],
    ["rotateSpreadMs", "rotateMs"],
    ["retryBaseMs", "retryMsMax"],
    // The heaviest request, with room for another.
    [50, "weightPerMinuteMax"],
  ]);
}
