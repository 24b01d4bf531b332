/**
 * The state of the page, kept in its address. Changes replace the address; choosing another channel
 * adds a history entry. The row of open details follows the cursor, and the moment the slider, so
 * these two reach the address a moment later: browsers limit how often an address may change.
 */
import { useCallback, useMemo, useSyncExternalStore } from "react";
import { formatHash, parseHash, type PageState } from "./page-state.ts";

const SETTLE_MS = 250;

const listeners = new Set<() => void>();
/** The address that the page is about to have. */
let upcoming: string | undefined;
let timer: ReturnType<typeof setTimeout> | undefined;

function write(address: string, isNewEntry: boolean): void {
  clearTimeout(timer);
  upcoming = undefined;
  if (address === location.hash) return;
  if (isNewEntry) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

/** Someone went back or forward, or typed an address. */
function onNavigation(): void {
  clearTimeout(timer);
  upcoming = undefined;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    addEventListener("hashchange", onNavigation);
    addEventListener("popstate", onNavigation);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    removeEventListener("hashchange", onNavigation);
    removeEventListener("popstate", onNavigation);
  };
}

const present = (): string => upcoming ?? location.hash;

export function usePageState(): readonly [PageState, (change: Partial<PageState>) => void] {
  const hash = useSyncExternalStore(subscribe, present);
  const state = useMemo(() => parseHash(hash), [hash]);
  const update = useCallback((change: Partial<PageState>) => {
    const next = { ...parseHash(present()), ...change };
    const address = formatHash(next);
    if (address === present()) return;
    const isOften = ["row", "past"].includes(Object.keys(change).join());
    if (isOften && (change.row ?? change.past) !== undefined) {
      clearTimeout(timer);
      upcoming = address;
      timer = setTimeout(() => write(address, false), SETTLE_MS);
    } else write(address, change.channel !== undefined);
    for (const listener of listeners) listener();
  }, []);
  return [state, update];
}
