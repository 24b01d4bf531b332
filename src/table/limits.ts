/** Bounds of views. Those of channels are part of their declarations. */

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
