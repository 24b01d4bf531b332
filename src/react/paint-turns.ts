/**
 * Components that are painted at most so many times in a second take turns, so that they do not all
 * render, lay out and paint in the frame in which a commit arrives. Each animation frame, that of
 * the commit first, renders those whose time has come, those that wait longest first, until its
 * share of work is used; the others follow with the next frames. The first of a frame is always
 * rendered, so that each has its turn.
 *
 * Retains one entry per component that waits.
 */
import { FRAME_WORK_MS } from "./limits.ts";

/** A component that is rendered when its turn comes. */
export interface Painter {
  readonly intervalMs: number;
  readonly render: () => void;
  /** When it was last rendered, and how long that took. */
  renderedMs: number;
  workMs: number;
}

export interface PaintTurnsOptions {
  readonly requestFrame: (callback: (timeMs: number) => void) => void;
  /** Milliseconds on the clock of the frames. */
  readonly now: () => number;
}

/** Frames do not come to the millisecond. */
const FRAME_EARLY_MS = 2;

export class PaintTurns {
  readonly #options: PaintTurnsOptions;
  readonly #waiting = new Set<Painter>();
  #isRequested = false;

  constructor(options: PaintTurnsOptions) {
    this.#options = options;
  }

  /** What the component shows has changed. */
  ask(painter: Painter): void {
    this.#waiting.add(painter);
    if (this.#isRequested) return;
    this.#request();
    // When all components of the commit have asked, still in its frame.
    queueMicrotask(() => void this.#render(this.#options.now()));
  }

  /** The component shows what there is, without waiting for its turn. */
  renderNow(painter: Painter): void {
    this.forget(painter);
    painter.renderedMs = this.#options.now();
    painter.render();
  }

  forget(painter: Painter): void {
    this.#waiting.delete(painter);
  }

  #request(): void {
    if (this.#isRequested) return;
    this.#isRequested = true;
    this.#options.requestFrame((timeMs) => {
      this.#isRequested = false;
      if (this.#waiting.size === 0) return;
      this.#request();
      void this.#render(timeMs);
    });
  }

  async #render(timeMs: number): Promise<void> {
    const dueMs = ({ renderedMs, intervalMs }: Painter): number => renderedMs + intervalMs;
    const due = [...this.#waiting]
      .filter((painter) => dueMs(painter) <= timeMs + FRAME_EARLY_MS)
      .sort((left, right) => dueMs(left) - dueMs(right));
    let leftMs = FRAME_WORK_MS;
    for (const [place, painter] of due.entries()) {
      if (place > 0 && painter.workMs > leftMs) break;
      // Another component's rendering may have removed this one.
      if (!this.#waiting.delete(painter)) continue;
      painter.renderedMs = timeMs;
      painter.workMs = await this.#workOf(painter);
      leftMs -= painter.workMs;
    }
  }

  async #workOf({ render }: Painter): Promise<number> {
    const { now } = this.#options;
    const startMs = now();
    render();
    // React renders in a microtask, which runs before this goes on.
    await Promise.resolve();
    return now() - startMs;
  }
}
