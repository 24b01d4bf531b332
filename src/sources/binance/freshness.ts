/**
 * The time up to which all feeds are complete, by the exchange's clock. A message says it by its
 * event time. In a quiet market the answer to a ping says it: everything sent before the ping has
 * arrived. Local times are of the monotonic clock, which does not jump. They are translated by how
 * far the exchange's clock is ahead at least: a message made at E that arrives at L shows a lead of
 * at least E - L.
 */

/** The lead is the largest of the last one or two spans, since the exchange corrects its clock. */
const SPAN_MS = 60_000;

interface Progress {
  readonly eventMs?: number;
  readonly pingedMs?: number;
}

export class Freshness {
  readonly #marginMs: number;
  readonly #feeds = new Map<string, Progress>();
  #leadMs: number | undefined;
  #formerLeadMs: number | undefined;
  #spanStartMs = 0;

  constructor(marginMs: number, feeds: readonly string[]) {
    this.#marginMs = marginMs;
    for (const feed of feeds) this.#feeds.set(feed, {});
  }

  /** Undefined: unknown for at least one feed. */
  get throughMs(): number | undefined {
    const leadMs =
      this.#leadMs === undefined
        ? undefined
        : Math.max(this.#leadMs, this.#formerLeadMs ?? this.#leadMs);
    let least: number | undefined;
    for (const { eventMs, pingedMs } of this.#feeds.values()) {
      const byPing = pingedMs === undefined || leadMs === undefined ? undefined : pingedMs + leadMs;
      if (eventMs === undefined && byPing === undefined) return undefined;
      const throughMs = Math.max(eventMs ?? byPing ?? 0, byPing ?? eventMs ?? 0);
      least = Math.min(least ?? throughMs, throughMs);
    }
    return least === undefined ? undefined : least - this.#marginMs;
  }

  /** What the feed sent lately may be lost. */
  reset(feed: string): void {
    this.#feeds.set(feed, {});
  }

  onEvent(feed: string, eventMs: number, nowMs: number): void {
    this.onAnswer(eventMs, nowMs);
    const progress = this.#feeds.get(feed) ?? {};
    this.#feeds.set(feed, {
      ...progress,
      eventMs: Math.max(progress.eventMs ?? eventMs, eventMs),
    });
  }

  /** What was sent before the local `pingedMs` has arrived. */
  onPong(feed: string, pingedMs: number): void {
    this.#feeds.set(feed, { ...this.#feeds.get(feed), pingedMs });
  }

  /** A time of the exchange that says nothing of the feeds. */
  onAnswer(eventMs: number, nowMs: number): void {
    if (nowMs - this.#spanStartMs >= SPAN_MS) {
      this.#formerLeadMs = this.#leadMs;
      this.#leadMs = undefined;
      this.#spanStartMs = nowMs;
    }
    this.#leadMs = Math.max(this.#leadMs ?? eventMs - nowMs, eventMs - nowMs);
  }
}
