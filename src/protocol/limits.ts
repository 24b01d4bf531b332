/** Bounds on what a peer may say. Each is part of the protocol: both sides hold to it. */
export const PROTOCOL_LIMITS = {
  /** Bytes of one client frame or request body. Larger ones close the connection with code 1009. */
  clientFrameBytesMax: 64 * 1024,
  /** Entries of one list: subscriptions of a frame, views of an UNSUBSCRIBE, names in a channel_credit. */
  listMax: 256,
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
  /** Characters of a channel's name. */
  channelNameLengthMax: 200,
} as const;
