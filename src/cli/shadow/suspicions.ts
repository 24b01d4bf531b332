/**
 * Tells real differences from those of time. Two snapshots are never of one instant, so a
 * difference is suspected first, and then either
 *
 *     both sides show the same ──────────────────────────────────────────────────► settled
 *     they differ in all samples of a settle, and one side has kept its value ───► real
 *     they differ in `SAMPLES_MAX` samples in succession, whatever they show ────► real
 *
 * A side that is behind by less than the settle shows, within it, what the other side has kept:
 * such a difference is never real. A difference that stands for a settle always is. Keeps one entry
 * for each value that differs at the moment.
 */

/** A value as a text; undefined where a side has none. */
type Shown = string | undefined;

interface Observation {
  readonly key: string;
  readonly left: Shown;
  readonly right: Shown;
  /** Default: whether the texts are the same. */
  readonly isSame?: boolean;
  readonly nowMs: number;
}

export type Verdict =
  | { readonly kind: "same" }
  | { readonly kind: "waiting" }
  | { readonly kind: "settled"; readonly afterMs: number }
  | { readonly kind: "real" };

interface Suspicion {
  readonly firstMs: number;
  /** Samples in succession in which the sides differ. */
  samples: number;
  /** Of the settle, which begins anew when both sides have changed. */
  startMs: number;
  startSample: number;
  left: Shown;
  right: Shown;
  hasLeftChanged: boolean;
  hasRightChanged: boolean;
}

/** In a settle, so that a value that changes to and fro is not taken for one that is kept. */
export const SETTLE_SAMPLES_MIN = 8;
/** Of values that change all the time: sides that agree now and then agree in one of these. */
export const SAMPLES_MAX = 64;

export class Suspicions {
  readonly #settleMs: number;
  readonly #suspicions = new Map<string, Suspicion>();

  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /** How many wait for their verdict. */
  get size(): number {
    return this.#suspicions.size;
  }

  get keys(): Iterable<string> {
    return this.#suspicions.keys();
  }

  /** What the sides show of one key in one sample. */
  observe({ key, left, right, isSame = left === right, nowMs }: Observation): Verdict {
    const known = this.#suspicions.get(key);
    if (isSame) {
      if (known === undefined) return { kind: "same" };
      this.#suspicions.delete(key);
      return { kind: "settled", afterMs: nowMs - known.firstMs };
    }
    const suspicion = known ?? newSuspicion(left, right, nowMs);
    if (known === undefined) this.#suspicions.set(key, suspicion);
    suspicion.samples++;
    suspicion.hasLeftChanged ||= suspicion.left !== left;
    suspicion.hasRightChanged ||= suspicion.right !== right;
    if (suspicion.hasLeftChanged && suspicion.hasRightChanged)
      Object.assign(suspicion, settleFrom(left, right, nowMs, suspicion.samples));
    const { samples, startMs, startSample } = suspicion;
    const isOver =
      nowMs - startMs >= this.#settleMs && samples - startSample + 1 >= SETTLE_SAMPLES_MIN;
    if (!isOver && samples < SAMPLES_MAX) return { kind: "waiting" };
    this.#suspicions.delete(key);
    return { kind: "real" };
  }
}

function newSuspicion(left: Shown, right: Shown, nowMs: number): Suspicion {
  return { firstMs: nowMs, samples: 0, ...settleFrom(left, right, nowMs, 1) };
}

function settleFrom(
  left: Shown,
  right: Shown,
  nowMs: number,
  sample: number,
): Omit<Suspicion, "firstMs" | "samples"> {
  return {
    startMs: nowMs,
    startSample: sample,
    left,
    right,
    hasLeftChanged: false,
    hasRightChanged: false,
  };
}
