/** How far a channel can be trusted, sent on subscribing and whenever it changes. */
export interface ChannelStatus {
  readonly op: "DISPATCH";
  readonly type: "CHANNEL_STATUS";
  readonly channel: string;
  readonly status: "live" | "catching_up" | "stale";
  /** Since when it has this status. */
  readonly since_unix_ms: number;
  /** In words, for a channel that is not live. */
  readonly reason?: string;
  /** The source whose `as_of` in WATERMARK speaks for this channel; absent for code. */
  readonly source?: string;
  /** Rows held now; absent for who may see only some of them. */
  readonly rows?: number;
  /** Rows of the whole table, where the channel holds only part of it. */
  readonly total?: number;
  /** True when the channel holds only part of its table. */
  /** Rows that stand for what was too large or too deep to be carried; each says so in its `$omitted`. Absent where there are none. */
  readonly omitted?: number;
  readonly partial: boolean;
}
