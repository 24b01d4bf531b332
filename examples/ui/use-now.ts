/**
 * The current time in steps of a second, for ages on screen. One timer for the whole page, only
 * while a component uses it.
 */
import { useSyncExternalStore } from "react";

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let nowMs = Date.now();

function tick(): void {
  if (document.hidden) return;
  nowMs = Date.now();
  for (const each of listeners) each();
}
// A page that was hidden shows the present time at once.
addEventListener("visibilitychange", tick);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  if (timer === undefined) {
    // Nobody has looked at the clock since the last listener went.
    nowMs = Date.now();
    timer = setInterval(tick, 1_000);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

export function useNow(): number {
  return useSyncExternalStore(subscribe, () => nowMs);
}

/** The time of the render itself, for countdowns that are as short as the clock's steps. */
export function useExactNow(): number {
  useNow();
  return exactNow();
}

function exactNow(): number {
  return Date.now();
}
