/**
 * A live view for components that are painted at most so many times in a second. A change of its
 * status is shown at once.
 */
import { systemClock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import type { LiveView } from "../client/page/page-views.ts";
import type { Row } from "../protocol/row.ts";
import { PaintTurns, type Painter } from "./paint-turns.ts";

/** What a component reads of a view. */
export type ReadView = Pick<LiveView<Row>, "subscribe" | "getSnapshot">;

const pageTurns = new PaintTurns({
  requestFrame: (callback) => void requestAnimationFrame(callback),
  now: () => systemClock.monotonic(),
});

/** @throws TidemarkError `BAD_OPTION` for a rate that is not above 0 */
export function pacedView(
  view: ReadView,
  paintsPerSecond: number,
  turns: PaintTurns = pageTurns,
): ReadView {
  if (!(paintsPerSecond > 0)) {
    const message = `paintsPerSecond is ${paintsPerSecond}, but must be above 0.`;
    throw new TidemarkError("BAD_OPTION", message);
  }
  // Without frames, nothing is painted.
  if (turns === pageTurns && typeof requestAnimationFrame === "undefined") return view;
  return {
    getSnapshot: view.getSnapshot,
    subscribe: (listener) => {
      const painter: Painter = {
        intervalMs: 1_000 / paintsPerSecond,
        render: listener,
        renderedMs: Number.NEGATIVE_INFINITY,
        workMs: 0,
      };
      let { status } = view.getSnapshot();
      const stop = view.subscribe(() => {
        const before = status;
        ({ status } = view.getSnapshot());
        // Rows that are old or may not be seen any more do not wait.
        if (status === before) turns.ask(painter);
        else turns.renderNow(painter);
      });
      return () => {
        stop();
        turns.forget(painter);
      };
    },
  };
}
