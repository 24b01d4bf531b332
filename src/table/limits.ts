/** Bounds of views. Those of channels are part of their declarations. */

export interface ViewLimits {
  /** Views over all channels. Full: new queries are refused with `TOO_MANY_VIEWS`. */
  readonly viewsMax: number;
  /** Views per channel that no equality term routes; each costs one evaluation per change. Full: refused. */
  readonly unroutedViewsMax: number;
  /** Entries of all views together. Full: new queries are refused with `VIEW_TOO_LARGE`. */
  readonly entriesMax: number;
  /** Of all views together: what they hold besides the channels' own rows, in bytes, roughly. Full: refused with `VIEW_TOO_LARGE`. */
  readonly bytesMax: number;
  /** The share of `viewsMax`, `unroutedViewsMax` and `bytesMax` that the views of one identity may take. Full: its next is refused. */
  readonly identityShareMax: number;
  /** Steps per character of text that one query's like and regex terms may take at worst. */
  readonly stepsPerCharacterMax: number;
  /** Steps that one query may take per row looked at, on average… */
  readonly stepsPerRowMax: number;
  /** …and besides, for each commit, however few its rows. */
  readonly stepsBaseMax: number;
  /** Steps of all views for one commit of one channel, … Over both, those that took most are refused. */
  readonly stepsPerCommitMax: number;
  /** …and besides for each row that it changes. */
  readonly stepsPerChangeMax: number;
  /** Rows that are looked at between two looks at the clock, while a view is built. */
  readonly fillStepRows: number;
  /** How long a query that proved too costly is refused without being tried. */
  readonly refusedMs: number;
  /** How long a view without subscribers is kept, so that a client that returns can continue. */
  readonly lingerMs: number;
  /** Keys that a view remembers after they left it. */
  readonly tombstonesMax: number;
}

export const VIEW_LIMITS: ViewLimits = {
  viewsMax: 20_000,
  unroutedViewsMax: 1_000,
  entriesMax: 5_000_000,
  bytesMax: 512 * 1024 * 1024,
  identityShareMax: 1 / 4,
  stepsPerCharacterMax: 256,
  stepsPerRowMax: 4_000,
  stepsBaseMax: 400_000,
  stepsPerCommitMax: 8_000_000,
  stepsPerChangeMax: 500,
  fillStepRows: 64,
  refusedMs: 60_000,
  lingerMs: 60_000,
  tombstonesMax: 20_000,
};
