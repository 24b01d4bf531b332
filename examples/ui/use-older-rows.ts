/** Loads older rows of a view with history while someone scrolls towards the last loaded row. */
import { useEffect, type RefObject } from "react";
import type { ViewHistory } from "tidemark/client";

/** A page is asked for when less than so many screens of rows are left. */
const SCREENS_AHEAD = 2;

export function useOlderRows(
  scroller: RefObject<HTMLElement | null>,
  history: ViewHistory | undefined,
): void {
  useEffect(() => {
    const { current: element } = scroller;
    if (element === null || history === undefined) return undefined;
    if (!mayLoadMore(history)) return undefined;
    const { loadMore } = history;
    const look = (): void => {
      const { scrollTop, clientHeight, scrollHeight } = element;
      if (scrollHeight - scrollTop - clientHeight < SCREENS_AHEAD * clientHeight) loadMore();
    };
    // Calls it at once too.
    const observer = new ResizeObserver(look);
    observer.observe(element);
    // Before the rows change: a layout costs more than the rows.
    element.addEventListener("scroll", look, { passive: true, capture: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look, { capture: true });
    };
  }, [scroller, history]);
}

/** Whether the next page may be asked for without the reader: after an error the reader decides. */
export function mayLoadMore({ hasMore, isLoading, isFull, error }: ViewHistory): boolean {
  return hasMore && !isLoading && !isFull && error === undefined;
}
