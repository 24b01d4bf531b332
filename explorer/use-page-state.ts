/**
 * The state of the page, kept in its address. Changes replace the address; choosing another channel
 * adds a history entry.
 */
import { useCallback, useMemo, useSyncExternalStore } from "react";
import { formatHash, parseHash, type PageState } from "./page-state.ts";

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  addEventListener("popstate", listener);
  return () => {
    removeEventListener("hashchange", listener);
    removeEventListener("popstate", listener);
  };
}

export function usePageState(): readonly [PageState, (change: Partial<PageState>) => void] {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  const state = useMemo(() => parseHash(hash), [hash]);
  const update = useCallback((change: Partial<PageState>) => {
    const next = { ...parseHash(location.hash), ...change };
    const address = formatHash(next);
    if (address === location.hash) return;
    if (change.channel !== undefined) history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    dispatchEvent(new PopStateEvent("popstate"));
  }, []);
  return [state, update];
}
