/** The page's state, kept in its address. */
import { useCallback, useEffect, useState } from "react";
import { addressOf, parsePage, type PageState } from "./page-state.ts";

export type Update = (change: (before: PageState) => PageState) => void;

/** Typing and dragging write the address when they have rested for this long. */
const SETTLE_MS = 250;

export function usePageState(): readonly [PageState, Update] {
  const [state, setState] = useState(() => parsePage(location.search));
  const update = useCallback<Update>((change) => setState(change), []);
  useEffect(() => {
    const onBack = (): void => setState(parsePage(location.search));
    addEventListener("popstate", onBack);
    return () => removeEventListener("popstate", onBack);
  }, []);
  useEffect(() => {
    const write = (): void => history.replaceState(null, "", addressOf(state, location.search));
    const timer = setTimeout(write, SETTLE_MS);
    // Who leaves and comes back finds the last change too.
    addEventListener("pagehide", write);
    return () => {
      clearTimeout(timer);
      removeEventListener("pagehide", write);
    };
  }, [state]);
  return [state, update];
}
