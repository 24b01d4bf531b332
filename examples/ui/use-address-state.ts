/** A page's state, kept in its address. */
import { useCallback, useEffect, useState } from "react";

export type Update<S> = (change: (before: S) => S) => void;

/** Typing and dragging write the address when they have rested for this long. */
const SETTLE_MS = 250;

/** Both are pure functions of `location.search`. */
export interface StateInAddress<S> {
  readonly parse: (search: string) => S;
  readonly addressOf: (state: S, search: string) => string;
}

export function useAddressState<S>({
  parse,
  addressOf,
}: StateInAddress<S>): readonly [S, Update<S>] {
  const [state, setState] = useState(() => parse(location.search));
  const update = useCallback<Update<S>>((change) => setState(change), []);
  useEffect(() => {
    const onBack = (): void => setState(parse(location.search));
    addEventListener("popstate", onBack);
    return () => removeEventListener("popstate", onBack);
  }, [parse]);
  useEffect(() => {
    const write = (): void => history.replaceState(null, "", addressOf(state, location.search));
    const timer = setTimeout(write, SETTLE_MS);
    // Who leaves and comes back finds the last change too.
    addEventListener("pagehide", write);
    return () => {
      clearTimeout(timer);
      removeEventListener("pagehide", write);
    };
  }, [state, addressOf]);
  return [state, update];
}
