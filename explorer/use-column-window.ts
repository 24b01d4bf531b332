/**
 * The window of a wide grid's columns: the first column, which stays, and those near the visible
 * part. A table of eighty columns costs as much as one of twelve.
 */
import { useCallback, useLayoutEffect, useMemo, useState, type RefObject } from "react";
import { flushSync } from "react-dom";

/** Rendered beyond the visible part, at each side. */
const OVERSCAN_PX = 200;
/** The window moves in steps of this many pixels. */
const STEP_PX = 100;

export interface ColumnWindow {
  /** The indexes of the columns to render, the first column always among them. */
  readonly indexes: readonly number[];
  /** The space of the columns between the first one and the window. */
  readonly leadPx: number;
  /** The space of the columns behind the window. */
  readonly trailPx: number;
  readonly totalPx: number;
  /** Scrolls as little as possible until the column is visible as a whole. */
  readonly scrollToColumn: (index: number) => void;
}

export function useColumnWindow(
  scroller: RefObject<HTMLElement | null>,
  widths: readonly number[],
): ColumnWindow {
  const [visible, setVisible] = useState({ fromPx: 0, toPx: 2_000 });
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const read = (): void => {
      const { scrollLeft, clientWidth } = element;
      const fromPx = Math.floor((scrollLeft - OVERSCAN_PX) / STEP_PX) * STEP_PX;
      const toPx = Math.ceil((scrollLeft + clientWidth + OVERSCAN_PX) / STEP_PX) * STEP_PX;
      setVisible((before) =>
        before.fromPx === fromPx && before.toPx === toPx ? before : { fromPx, toPx },
      );
    };
    let left = element.scrollLeft;
    const onScroll = (): void => {
      if (element.scrollLeft === left) return;
      left = element.scrollLeft;
      flushSync(read);
    };
    read();
    const observer = new ResizeObserver(read);
    observer.observe(element);
    // Before the rows change: a layout costs more than the rows.
    element.addEventListener("scroll", onScroll, { passive: true, capture: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", onScroll, { capture: true });
    };
  }, [scroller]);

  const scrollToColumn = useCallback(
    (index: number) => {
      const { current: element } = scroller;
      const first = widths[0] ?? 0;
      if (element === null || index <= 0) {
        if (index === 0) element?.scrollTo({ left: 0 });
        return;
      }
      const left = widths.slice(0, index).reduce((sum, width) => sum + width, 0);
      const right = left + (widths[index] ?? 0);
      if (element.scrollLeft > left - first) element.scrollLeft = left - first;
      else if (element.scrollLeft < right - element.clientWidth)
        element.scrollLeft = Math.min(left - first, right - element.clientWidth);
    },
    [scroller, widths],
  );
  return useMemo(
    () => ({ ...windowOf(widths, visible), scrollToColumn }),
    [widths, visible, scrollToColumn],
  );
}

function windowOf(
  widths: readonly number[],
  { fromPx, toPx }: { readonly fromPx: number; readonly toPx: number },
): Omit<ColumnWindow, "scrollToColumn"> {
  const indexes: number[] = [];
  let leadPx = 0;
  let trailPx = 0;
  let left = 0;
  for (const [index, width] of widths.entries()) {
    if (index === 0 || (left + width > fromPx && left < toPx)) indexes.push(index);
    else if (left + width <= fromPx) leadPx += width;
    else trailPx += width;
    left += width;
  }
  return { indexes, leadPx, trailPx, totalPx: left };
}
