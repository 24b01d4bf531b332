/**
 * Bounds on a peer's messages. Each is part of the protocol: both sides keep it. The bounds that a
 * client needs are exported separately, so that browsers load no more.
 */
export const CLIENT_FRAME_BYTES_MAX = 64 * 1024;
export const LIST_MAX = 256;
/** Bytes of one report of a page about itself. */
export const PAGE_REPORT_BYTES_MAX = 2_048;
/** Paint times in it. */
export const PAINTS_MAX = 100;
/** Milliseconds between two reports of a session. */
export const PAGE_REPORT_INTERVAL_MS = 10_000;

export const PROTOCOL_LIMITS = {
  /** Bytes of one client frame or request body. Larger ones close the connection with code 1009. */
  clientFrameBytesMax: CLIENT_FRAME_BYTES_MAX,
  /**
   * Entries of one list: subscriptions of a frame, views of an UNSUBSCRIBE, names in a
   * channel_credit.
   */
  listMax: LIST_MAX,
  /** Terms in one `where`, groups included. */
  whereNodesMax: 256,
  /** Levels of nesting in one `where`. */
  whereDepthMax: 12,
  /** Values in one `in`. */
  inValuesMax: 1_000,
  /** Characters of one text operand. */
  operandLengthMax: 4_096,
  /** Characters of one `like` or `regex` pattern. */
  patternLengthMax: 512,
  orderByMax: 8,
  columnsMax: 512,
  /** Characters of a name or an id that a client sends. */
  nameLengthMax: 512,
  /** Characters of a channel's name. */
  channelNameLengthMax: 200,
} as const;
