/**
 * Which rows of a scroller to render, for rows of one height below a head that stays in sight.
 * Nothing is measured but the scroller, so a hundred thousand rows cost as much as fifty.
 *
 * The scroller's first child is its head; its body is as high as `height`, with each row at
 * `index * ROW_HEIGHT`. When others enter or leave above them, rows in sight stay in place: the active
 * one if it is in sight, else the first.
 */
import { useCallback, useLayoutEffect, useRef, useState, type RefObject } from "react";
import { flushSync } from "react-dom";

/** As `--row` in tokens.css. */
export const ROW_HEIGHT = 28;
/** Rows rendered beyond each edge. */
const OVERSCAN = 4;
/** The range moves in steps of so many rows, so that not every scrolled row renders the list. */
const STEP = 4;
/** After a jump that no rows in sight survive, those beyond the edges wait for so long. */
const JUMP_REST_MS = 100;
/** So many rows in sight are looked for in the new list, until one is found. */
const ANCHORS_MAX = 40;

interface Range {
  readonly first: number;
  /** The index after the last row. */
  readonly end: number;
}

export interface VirtualRows extends Range {
  /** The height of all rows. */
  readonly height: number;
  /** Brings a row into sight, by as little scrolling as possible. */
  readonly scrollToRow: (index: number) => void;
  /** How many whole rows are in sight, at least 1: the step of Page Up and Page Down. */
  readonly pageRows: () => number;
}

export function useVirtualRows(
  scroller: RefObject<HTMLElement | null>,
  keys: readonly string[],
  activeKey?: string,
): VirtualRows {
  const [{ first, end }, setRange] = useState<Range>({ first: 0, end: 0 });
  const isJumping = useRef(false);
  /** As the last scrolling left it: to ask the scroller lays the page out. */
  const isAtTop = useRef(true);
  const read = useCallback(() => {
    const { current: element } = scroller;
    if (element === null) return;
    const { scrollTop, clientHeight } = element;
    const next = rangeOf(scrollTop, clientHeight, isJumping.current);
    setRange((range) => (range.first === next.first && range.end === next.end ? range : next));
  }, [scroller]);

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    read();
    // Renders before the browser paints what was scrolled to.
    const readNow = (): void => flushSync(read);
    let top = element.scrollTop;
    isAtTop.current = top < ROW_HEIGHT;
    let rest: ReturnType<typeof setTimeout> | undefined;
    const onScroll = (): void => {
      const { scrollTop, clientHeight } = element;
      isJumping.current = Math.abs(scrollTop - top) > clientHeight;
      top = scrollTop;
      isAtTop.current = top < ROW_HEIGHT;
      clearTimeout(rest);
      if (isJumping.current)
        rest = setTimeout(() => {
          isJumping.current = false;
          read();
        }, JUMP_REST_MS);
      readNow();
    };
    const observer = new ResizeObserver(readNow);
    observer.observe(element);
    element.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      clearTimeout(rest);
      observer.disconnect();
      element.removeEventListener("scroll", onScroll);
    };
  }, [scroller, read]);

  const shown = useRef(keys);
  useLayoutEffect(() => {
    const former = shown.current;
    shown.current = keys;
    if (scroller.current === null || former === keys || isAtTop.current) return;
    keepInPlace(scroller.current, former, keys, activeKey);
    read();
  }, [scroller, keys, activeKey, read]);

  const pageRows = useCallback(() => {
    const { current: element } = scroller;
    if (element === null) return 1;
    return Math.max(1, Math.floor((element.clientHeight - headHeight(element)) / ROW_HEIGHT));
  }, [scroller]);
  const scrollToRow = useCallback(
    (index: number) => {
      const { current: element } = scroller;
      if (element === null) return;
      const top = index * ROW_HEIGHT;
      const lowest = top + ROW_HEIGHT + headHeight(element) - element.clientHeight;
      if (element.scrollTop > top) element.scrollTop = top;
      else if (element.scrollTop < lowest) element.scrollTop = lowest;
      isAtTop.current = element.scrollTop < ROW_HEIGHT;
    },
    [scroller],
  );
  return {
    first: Math.min(first, keys.length),
    end: Math.min(end, keys.length),
    height: keys.length * ROW_HEIGHT,
    scrollToRow,
    pageRows,
  };
}

/** Of the same length wherever one scrolls, so that rows change and none are made or removed. */
function rangeOf(scrollTop: number, clientHeight: number, isJumping: boolean): Range {
  const top = scrollTop / ROW_HEIGHT;
  const rows = clientHeight / ROW_HEIGHT;
  if (isJumping) return { first: Math.floor(top), end: Math.floor(top) + Math.ceil(rows) + 1 };
  const first = Math.max(0, Math.floor((top - OVERSCAN) / STEP) * STEP);
  return { first, end: first + Math.ceil(rows + 2 * OVERSCAN + STEP) };
}

function headHeight(scroller: HTMLElement): number {
  const head = scroller.firstElementChild;
  return head instanceof HTMLElement ? head.offsetHeight : 0;
}

/** Scrolls by what rows have entered or left above, unless the scroller is at the top. */
function keepInPlace(
  scroller: HTMLElement,
  former: readonly string[],
  keys: readonly string[],
  activeKey: string | undefined,
): void {
  const { scrollTop, clientHeight } = scroller;
  if (scrollTop < ROW_HEIGHT) return;
  const start = Math.floor(scrollTop / ROW_HEIGHT);
  const end = Math.ceil((scrollTop + clientHeight) / ROW_HEIGHT);
  const inSight = former.slice(start, end);
  const active = activeKey === undefined ? -1 : inSight.indexOf(activeKey);
  const places = [...(active < 0 ? [] : [active]), ...inSight.keys()].slice(0, ANCHORS_MAX);
  for (const place of places) {
    const index =
      keys[start + place] === inSight[place]
        ? start + place
        : keys.indexOf(inSight[place] as string);
    if (index < 0) continue;
    scroller.scrollTop = scrollTop + (index - start - place) * ROW_HEIGHT;
    return;
  }
}
