/** The pace of components that show what changes more often than someone can read it. */
import { systemClock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import { pacedView } from "./paced-view.ts";
import { PaintTurns } from "./paint-turns.ts";
import type { Pace } from "./use-store.ts";

let pageTurns: PaintTurns | undefined;

/** Undefined where there are no frames: there, nothing is painted. */
function turnsOfPage(): PaintTurns | undefined {
  if (typeof requestAnimationFrame === "undefined") return undefined;
  return (pageTurns ??= new PaintTurns({
    requestFrame: (callback) => void requestAnimationFrame(callback),
    now: () => systemClock.monotonic(),
  }));
}

/**
 * For `useLiveQuery(query, { pace })`: the component renders at most so often because its rows have
 * changed, and takes turns with the other components of the page that have a pace, so that a commit
 * that changes many of them does not take longer than an animation frame. A change of the status is
 * shown at once.
 *
 * @throws TidemarkError `BAD_OPTION` for a rate that is not above 0
 */
export function paintsPerSecond(rate: number): Pace {
  if (!(rate > 0))
    throw new TidemarkError("BAD_OPTION", `paintsPerSecond(${rate}) needs a rate above 0.`);
  return (view) => {
    const turns = turnsOfPage();
    return turns === undefined ? view : pacedView(view, rate, turns);
  };
}
