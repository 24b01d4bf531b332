/** Loads older rows of a view with history while someone scrolls towards the last loaded row. */
import { useEffect, useState, type RefObject } from "react";
import type { ViewHistory } from "../src/client/index.ts";
import { useTidemarkClient } from "../src/react/index.ts";

/** A page is asked for when less than so many screens of rows are left. */
const SCREENS_AHEAD = 2;
/** How often the number of stored rows is asked for. */
const TOTAL_MS = 10_000;

export function useOlderRows(
  scroller: RefObject<HTMLElement | null>,
  history: ViewHistory | undefined,
): void {
  useEffect(() => {
    const { current: element } = scroller;
    if (element === null || history === undefined) return undefined;
    const { hasMore, isLoading, isFull, error, loadMore } = history;
    // After an error the reader decides.
    if (!hasMore || isLoading || isFull || error !== undefined) return undefined;
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

/** How many rows the channel's history has; undefined where the server does not say. */
export function useHistoryTotal(channel: string, known: number | undefined): number | undefined {
  const client = useTidemarkClient();
  const [total, setTotal] = useState(known);
  const isCounted = known !== undefined;
  useEffect(() => {
    if (!isCounted) return undefined;
    const abort = new AbortController();
    const timer = setInterval(() => {
      if (document.hidden) return;
      client.describe(channel, abort).then(
        ({ history }) => setTotal(history?.rows),
        // The last number stays.
        () => {},
      );
    }, TOTAL_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [client, channel, isCounted]);
  return total ?? known;
}
