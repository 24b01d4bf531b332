/**
 * The soft flash of a changed cell. At high rates only some changes flash, so that the screen stays
 * readable.
 */

const DURATION_MS = 600;
/** Flashes at the same time, at most; further changes do not flash. */
const RUNNING_MAX = 150;

let running = 0;
const newest = new WeakMap<HTMLElement, Animation>();
const reduced = globalThis.matchMedia?.("(prefers-reduced-motion: reduce)");

export function hint(element: HTMLElement): Animation | undefined {
  if (running >= RUNNING_MAX || reduced?.matches === true || document.hidden) return undefined;
  // `element.getAnimations()` would compute the page's styles, for each cell again.
  newest.get(element)?.cancel();
  running++;
  const animation = element.animate(
    [{ backgroundColor: "var(--hint)" }, { backgroundColor: "transparent" }],
    { duration: DURATION_MS, easing: "ease-out" },
  );
  newest.set(element, animation);
  // A cancelled animation rejects its promise; it has ended too.
  animation.finished.catch(() => {}).finally(() => running--);
  return animation;
}
