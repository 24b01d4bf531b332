/**
 * Following the newest rows, or reading in peace: while it is paused, or scrolled away from the top
 * of a list of newest rows first, new rows are counted and not inserted.
 */
import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import { ROW_HEIGHT } from "../examples/review/ui/use-virtual-rows.ts";
import { heldKeys, hold, type Held } from "./held-keys.ts";

export interface Follow {
  /** The rows to show. */
  readonly keys: readonly string[];
  /** New rows that are not shown. */
  readonly newCount: number;
  readonly isFollowing: boolean;
  /** Pauses; or shows the new rows, from the top. */
  readonly toggle: () => void;
}

export function useFollow(
  scroller: RefObject<HTMLElement | null>,
  {
    keys,
    isNewestFirst,
    isLoading,
    queryId,
  }: {
    readonly keys: readonly string[];
    readonly isNewestFirst: boolean;
    readonly isLoading: boolean;
    /** Another query is followed anew. */
    readonly queryId: string;
  },
): Follow {
  const [pausedQuery, setPausedQuery] = useState<string>();
  const isPaused = pausedQuery === queryId;
  const isAtTop = useIsAtTop(scroller);
  const isHeld = !isLoading && (isPaused || (isNewestFirst && !isAtTop));
  const held = useRef<Held & { readonly queryId: string }>(undefined);
  const shown = useMemo(() => {
    if (!isHeld) {
      held.current = undefined;
      return keys;
    }
    if (held.current?.queryId !== queryId) held.current = { ...hold(keys), queryId };
    const left = heldKeys(held.current, keys);
    if (left !== held.current.keys) held.current = { ...held.current, keys: left };
    return left;
  }, [keys, isHeld, queryId]);

  const toggle = useCallback(() => {
    if (isHeld) {
      setPausedQuery(undefined);
      if (isNewestFirst) scroller.current?.scrollTo({ top: 0 });
    } else setPausedQuery(queryId);
  }, [isHeld, isNewestFirst, queryId, scroller]);
  return { keys: shown, newCount: keys.length - shown.length, isFollowing: !isHeld, toggle };
}

function useIsAtTop(scroller: RefObject<HTMLElement | null>): boolean {
  const [isAtTop, setIsAtTop] = useState(true);
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const read = (): void => setIsAtTop(element.scrollTop < ROW_HEIGHT);
    // Before the rows change: a layout costs more than the rows.
    element.addEventListener("scroll", read, { passive: true, capture: true });
    return () => element.removeEventListener("scroll", read, { capture: true });
  }, [scroller]);
  return isAtTop;
}
