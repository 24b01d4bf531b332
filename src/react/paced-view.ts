/**
 * A live view for components that are painted at most so many times in a second. A change of its
 * status is shown at once.
 */
import type { Painter, PaintTurns } from "./paint-turns.ts";
import type { ReadView } from "./use-store.ts";

export function pacedView(view: ReadView, rate: number, turns: PaintTurns): ReadView {
  return {
    getSnapshot: view.getSnapshot,
    subscribe: (listener) => {
      const painter: Painter = {
        intervalMs: 1_000 / rate,
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
