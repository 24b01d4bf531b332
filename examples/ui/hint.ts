/**
 * The soft flash of a changed cell. At high rates only some changes flash, so that the screen stays
 * readable, and they fade in steps: of a smooth fade the browser styles and paints each frame.
 */

const DURATION_MS = 600;
/** Flashes at the same time, at most; further changes do not flash. */
const RUNNING_MAX = 150;
/** With more of them, further ones fade in steps. */
const SMOOTH_MAX = 8;
/** A cell that changes again this soon goes on with its flash. */
const REST_MS = 300;

let running = 0;
const newest = new WeakMap<HTMLElement, Animation>();
const reduced = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");

export function hint(element: HTMLElement): Animation | undefined {
  if (running >= RUNNING_MAX || reduced?.matches === true || document.hidden) return undefined;
  // `element.getAnimations()` would compute the page's styles, for each cell again.
  const before = newest.get(element);
  if (before?.playState === "running" && Number(before.currentTime) < REST_MS) return undefined;
  before?.cancel();
  const easing = running < SMOOTH_MAX ? "ease-out" : "steps(4)";
  running++;
  const animation = element.animate(
    [{ backgroundColor: "var(--hint)" }, { backgroundColor: "transparent" }],
    { duration: DURATION_MS, easing },
  );
  newest.set(element, animation);
  // A cancelled animation rejects its promise; it has ended too.
  animation.finished.catch(() => {}).finally(() => running--);
  return animation;
}
