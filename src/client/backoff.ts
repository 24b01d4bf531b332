/** How long a client waits between attempts to connect. */

export interface Backoff {
  /** The first attempt after an open connection comes at a random time within this. */
  readonly firstMs: number;
  /** The delay before each further attempt, half of it random; the last one is the cap. */
  readonly delaysMs: readonly number[];
  /**
   * The cap while somebody looks: for a visible page with a network, as long as the server can't be
   * reached. Such attempts are mostly one small request. Default 1,500.
   */
  readonly visibleMsMax: number;
}

export const BACKOFF: Backoff = {
  firstMs: 1_000,
  delaysMs: [2_000, 4_000, 8_000, 16_000, 32_000],
  visibleMsMax: 1_500,
};
