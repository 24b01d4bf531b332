/**
 * Frames that a visible page missed, and the times from a commit's arrival to its paint. Time in
 * which the page is hidden counts for neither, nor do the pauses at its begin and end. Retains at
 * most `PAINTS_MAX` times.
 */
import { PAINTS_MAX } from "../../protocol/limits.ts";
import { SLEPT_MS } from "../limits.ts";

export interface FrameFigures {
  readonly visible: boolean;
  /** Share of the frames; undefined without any. */
  readonly dropRatio: number | undefined;
  readonly paintsMs: readonly number[];
}

const FRAME_MS = 1_000 / 60;
/** Of all commits, one in this time is measured. */
const PAINT_STEP_MS = 100;

export class FrameMeter {
  #isHidden = true;
  #wasVisible = false;
  /** When the present span of being visible began. */
  #visibleFromMs = 0;
  #lastFrameMs: number | undefined;
  #frames = 0;
  #missed = 0;
  #lastPaintMs = Number.NEGATIVE_INFINITY;
  #paintsMs: number[] = [];

  setHidden(isHidden: boolean, nowMs: number): void {
    this.#isHidden = isHidden;
    this.#wasVisible ||= !isHidden;
    this.#visibleFromMs = nowMs;
    this.#lastFrameMs = undefined;
  }

  /** An animation frame began. */
  frame(atMs: number): void {
    const lastMs = this.#lastFrameMs;
    if (this.#isHidden) return;
    this.#lastFrameMs = atMs;
    // After a machine has slept, nobody missed its frames.
    if (lastMs === undefined || atMs - lastMs >= SLEPT_MS) return;
    this.#frames++;
    this.#missed += Math.max(0, Math.round((atMs - lastMs) / FRAME_MS) - 1);
  }

  /** A commit that had arrived was painted. */
  painted(arrivedMs: number, nowMs: number): void {
    if (this.#isHidden || arrivedMs < this.#visibleFromMs) return;
    if (nowMs - this.#lastPaintMs < PAINT_STEP_MS || this.#paintsMs.length >= PAINTS_MAX) return;
    this.#lastPaintMs = nowMs;
    this.#paintsMs.push(nowMs - arrivedMs);
  }

  /** The figures since the last call. */
  take(): FrameFigures {
    const all = this.#frames + this.#missed;
    const figures = {
      visible: this.#wasVisible,
      dropRatio: all === 0 ? undefined : this.#missed / all,
      paintsMs: this.#paintsMs,
    };
    this.#wasVisible = !this.#isHidden;
    [this.#frames, this.#missed, this.#paintsMs] = [0, 0, []];
    return figures;
  }
}
