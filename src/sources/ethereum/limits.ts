/**
 * Bounds and periods of the Ethereum source, in milliseconds or numbers as their names say, with
 * their defaults below. Each can be set by the option `limits` of `ethereum()`.
 */
import { atLeast, limitsOf } from "../../std/limits.ts";

export interface EthereumLimits {
  /** The start waits so long for the first copy, then goes on with what is there, not live. */
  readonly startMsMax: number;
  /** A connection that is not open after this long is given up. */
  readonly openMsMax: number;
  /** The interval of pings. */
  readonly pingMs: number;
  /** Without a pong for this long, the connection counts as lost. */
  readonly pongMsMax: number;
  /** Without a message for this long, the connection counts as lost, although pongs come. */
  readonly silenceMsMax: number;
  /** The first pause before connecting again; half of it or more, at random. It doubles… */
  readonly reconnectBaseMs: number;
  /** …up to this. */
  readonly reconnectMsMax: number;
  /** Characters of one message. A longer one closes the connection. */
  readonly messageLengthMax: number;
  /** A request that is not answered after this long fails. */
  readonly requestMsMax: number;
  /** The pause after an append that failed. */
  readonly retryMs: number;
  /**
   * Transactions that are followed until they are in a block. Full: the oldest one leaves the
   * channel.
   */
  readonly pendingMax: number;
  /**
   * Announced hashes whose transactions wait to be fetched. Full: the oldest is dropped, and
   * counted as missed.
   */
  readonly hashesMax: number;
  /** Transactions fetched at once. */
  readonly fetchesMax: number;
  /** How often a waiting transaction is looked up, to see whether the node still knows it. */
  readonly dropCheckMs: number;
  /** Look-ups at once, and per second. */
  readonly dropChecksMax: number;
  /**
   * The last blocks that are remembered. A deeper reorganisation, or a longer gap, loads the tables
   * anew.
   */
  readonly blocksMax: number;
  /** The interval at which the node is asked for its head, and the as-of time is reported. */
  readonly headMs: number;
  /** Without a new block for this long, the channels are stale, although the node answers. */
  readonly blockMsMax: number;
  /** The interval at which the coin's price is read. */
  readonly priceMs: number;
  /** Changed rows that wait for the log. Full: the connection is not read until they are in it. */
  readonly waitingRowsMax: number;
}

const ETHEREUM_LIMITS: EthereumLimits = {
  startMsMax: 10_000,
  openMsMax: 10_000,
  pingMs: 5_000,
  pongMsMax: 15_000,
  silenceMsMax: 30_000,
  reconnectBaseMs: 500,
  reconnectMsMax: 30_000,
  messageLengthMax: 32 * 1024 * 1024,
  requestMsMax: 10_000,
  retryMs: 250,
  pendingMax: 20_000,
  hashesMax: 10_000,
  fetchesMax: 16,
  dropCheckMs: 30_000,
  dropChecksMax: 20,
  blocksMax: 64,
  headMs: 1_000,
  blockMsMax: 180_000,
  priceMs: 15_000,
  waitingRowsMax: 50_000,
};

/** @throws TidemarkError `BAD_OPTION` for an unknown limit, or limits that can't work */
export function ethereumLimits(given?: Partial<EthereumLimits>): EthereumLimits {
  return limitsOf("limits", ETHEREUM_LIMITS, given, [
    ...atLeast<EthereumLimits>(
      1,
      "openMsMax",
      "pingMs",
      "reconnectBaseMs",
      "requestMsMax",
      "retryMs",
      "pendingMax",
      "hashesMax",
      "fetchesMax",
      "dropChecksMax",
      "blocksMax",
      "headMs",
      "waitingRowsMax",
    ),
    ["pingMs", "pongMsMax"],
    ["pingMs", "silenceMsMax"],
    ["reconnectBaseMs", "reconnectMsMax"],
  ]);
}
