/**
 * Following the newest rows, or reading in peace: while it is paused, or scrolled away from the top
 * of a list of newest rows first, new rows are counted and not inserted. A view with history stands
 * still as a whole while it is paused.
 */
import { useCallback, useEffect, useMemo, useRef, useState, type RefObject } from "react";
import type { ViewHistory } from "../src/client/index.ts";
import { ROW_HEIGHT } from "../examples/ui/use-virtual-rows.ts";
import { heldKeys, hold, withOlderRows, type Held } from "./held-keys.ts";

export interface Follow {
  /** The rows to show. */
  readonly keys: readonly string[];
  /** New rows that are not shown. */
  readonly newCount: number;
  readonly isFollowing: boolean;
  /** The rows, with their values, are those of one moment. */
  readonly isStill: boolean;
  /** Pauses; or shows the new rows, from the top. */
  readonly toggle: () => void;
  /** Pauses wherever the reader is; paused, as `toggle`. */
  readonly togglePause: () => void;
}

export function useFollow(
  scroller: RefObject<HTMLElement | null>,
  {
    keys,
    isNewestFirst,
    isLoading,
    queryId,
    history,
  }: {
    readonly keys: readonly string[];
    readonly isNewestFirst: boolean;
    readonly isLoading: boolean;
    /** Another query is followed anew. */
    readonly queryId: string;
    readonly history: ViewHistory | undefined;
  },
): Follow {
  const [pausedQuery, setPausedQuery] = useState<string>();
  const isPaused = pausedQuery === queryId;
  const isAtTop = useIsAtTop(scroller);
  const isStill = history?.pausedAt !== undefined;
  const isHeld = !isLoading && !isStill && (isPaused || (isNewestFirst && !isAtTop));
  const keepsHistory = history !== undefined;
  const held = useRef<Held & { readonly queryId: string }>(undefined);
  const shown = useMemo(() => {
    if (!isHeld) {
      held.current = undefined;
      return keys;
    }
    if (held.current?.queryId !== queryId) held.current = { ...hold(keys), queryId };
    else if (keepsHistory) held.current = { ...held.current, ...withOlderRows(held.current, keys) };
    const left = heldKeys(held.current, keys);
    if (left !== held.current.keys) held.current = { ...held.current, keys: left };
    return left;
  }, [keys, isHeld, queryId, keepsHistory]);

  const goOn = useCallback(() => {
    if (isStill) history?.resume();
    setPausedQuery(undefined);
    if (isStill || isNewestFirst) scroller.current?.scrollTo({ top: 0 });
  }, [history, isNewestFirst, isStill, scroller]);
  const pause = useCallback(() => {
    if (history === undefined) setPausedQuery(queryId);
    else history.pause();
  }, [history, queryId]);
  return {
    keys: shown,
    newCount: keys.length - shown.length,
    isFollowing: !isHeld && !isStill,
    isStill,
    toggle: isStill || isHeld ? goOn : pause,
    togglePause: isStill || isPaused ? goOn : pause,
  };
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
