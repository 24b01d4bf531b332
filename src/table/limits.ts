/** Bounds of live tables and views. Bytes are those of the rows' JSON, counted in UTF-16 units. */

/** What a channel may hold. Over a bound, the rows that changed longest ago are evicted. */
export interface ChannelBounds {
  readonly rowsMax: number;
  readonly bytesMax: number;
  /** Age since a row's last change, by commit time. Infinity keeps rows for ever. */
  readonly ageMsMax: number;
  /** Keys remembered after they left. Over it, the floor rises and older cursors get a snapshot. */
  readonly tombstonesMax: number;
}

export const CHANNEL_BOUNDS: ChannelBounds = {
  rowsMax: 100_000,
  bytesMax: 256 * 1024 * 1024,
  ageMsMax: Number.POSITIVE_INFINITY,
  tombstonesMax: 100_000,
};

export interface ViewLimits {
  /** Views over all channels. Full: new queries are refused with `TOO_MANY_VIEWS`. */
  readonly viewsMax: number;
  /** Views per channel that no equality term routes; each costs one evaluation per change. Full: refused. */
  readonly unroutedViewsMax: number;
  /** Entries of all views together. Full: new queries are refused with `VIEW_TOO_LARGE`. */
  readonly entriesMax: number;
  /** How long a view without subscribers is kept, so that a client that returns can continue. */
  readonly lingerMs: number;
  /** Keys that a view remembers after they left it. */
  readonly tombstonesMax: number;
}

export const VIEW_LIMITS: ViewLimits = {
  viewsMax: 20_000,
  unroutedViewsMax: 1_000,
  entriesMax: 5_000_000,
  lingerMs: 60_000,
  tombstonesMax: 20_000,
};
