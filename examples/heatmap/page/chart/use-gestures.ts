/**
 * What hands do on the chart: the wheel zooms, a drag pans, two fingers zoom, a pointer that moves
 * leads the crosshair; arrows move it by cells, with Shift they pan, + and - zoom, 0 shows all.
 */
import { useEffect, useRef, type RefObject } from "react";
import {
  panned,
  placeAt,
  zoomed,
  type Extent,
  type Place,
  type Size,
  type Viewport,
} from "./viewport.ts";

export interface ChartHands {
  readonly extent: Extent;
  readonly viewport: Viewport;
  readonly cursor: Place | undefined;
  /** Of the cells, without the axes. */
  readonly plot: Size;
  readonly onViewport: (viewport: Viewport | undefined) => void;
  readonly onCursor: (cursor: Place | undefined) => void;
}

const ZOOM_STEP = 1.25;
/** How much of the view a key pans by. */
const PAN_SHARE = 0.1;
const WHEEL_PX = 240;

interface Pointer {
  readonly x: number;
  readonly y: number;
}

export function useGestures(
  element: RefObject<HTMLElement | null>,
  hands: ChartHands | undefined,
): void {
  const newest = useRef(hands);
  useEffect(() => {
    newest.current = hands;
  });
  useEffect(() => {
    const { current } = element;
    if (current === null) return undefined;
    const gestures = new Gestures(current, () => newest.current);
    const end = new AbortController();
    const { signal } = end;
    current.addEventListener("wheel", gestures.onWheel, { passive: false, signal });
    current.addEventListener("pointerdown", gestures.onDown, { signal });
    current.addEventListener("pointermove", gestures.onMove, { signal });
    current.addEventListener("pointerup", gestures.onUp, { signal });
    current.addEventListener("pointercancel", gestures.onUp, { signal });
    current.addEventListener("pointerleave", gestures.onLeave, { signal });
    current.addEventListener("keydown", gestures.onKey, { signal });
    return () => end.abort();
  }, [element]);
}

class Gestures {
  readonly #element: HTMLElement;
  readonly #hands: () => ChartHands | undefined;
  /** Fingers and pressed buttons. */
  readonly #pointers = new Map<number, Pointer>();

  constructor(element: HTMLElement, hands: () => ChartHands | undefined) {
    this.#element = element;
    this.#hands = hands;
  }

  readonly onWheel = (event: WheelEvent): void => {
    const hands = this.#hands();
    if (hands === undefined) return;
    event.preventDefault();
    const { x, y } = this.#at(event);
    const factor = 2 ** (event.deltaY / WHEEL_PX);
    const factors = { time: event.altKey ? 1 : factor, price: event.shiftKey ? 1 : factor };
    const place = placeAt(x, y, hands.viewport, hands.plot);
    hands.onViewport(zoomed(hands.viewport, place, factors, hands.extent));
  };

  readonly onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    this.#element.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#at(event));
  };

  readonly onMove = (event: PointerEvent): void => {
    const hands = this.#hands();
    if (hands === undefined) return;
    const at = this.#at(event);
    const before = this.#pointers.get(event.pointerId);
    if (before === undefined || event.pointerType !== "touch") this.#lead(at, hands);
    if (before === undefined) return;
    const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.#pointers.set(event.pointerId, at);
    if (other === undefined) drag(before, at, hands);
    else pinch(before, at, other, hands);
  };

  readonly onUp = (event: PointerEvent): void => {
    this.#pointers.delete(event.pointerId);
    const hands = this.#hands();
    // Where a finger lets go, the crosshair stays.
    if (hands !== undefined && event.pointerType === "touch") this.#lead(this.#at(event), hands);
  };

  readonly onLeave = (event: PointerEvent): void => {
    if (event.pointerType !== "touch") this.#hands()?.onCursor(undefined);
  };

  readonly onKey = (event: KeyboardEvent): void => {
    const hands = this.#hands();
    if (hands === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    if (arrow !== undefined) {
      if (event.shiftKey) pan(arrow, hands);
      else step(arrow, hands);
    } else if (event.key === "+" || event.key === "=") zoom(1 / ZOOM_STEP, hands);
    else if (event.key === "-") zoom(ZOOM_STEP, hands);
    else if (event.key === "0") hands.onViewport(undefined);
    else if (event.key === "Escape") hands.onCursor(undefined);
    else return;
    event.preventDefault();
  };

  #lead({ x, y }: Pointer, { plot, viewport, onCursor }: ChartHands): void {
    const isInside = x >= 0 && y >= 0 && x <= plot.width && y <= plot.height;
    onCursor(isInside ? placeAt(x, y, viewport, plot) : undefined);
  }

  #at({ clientX, clientY }: MouseEvent): Pointer {
    const { left, top } = this.#element.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }
}

/** Columns to the right, levels up. */
const ARROWS: Readonly<Record<string, readonly [columns: number, levels: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, 1],
  ArrowDown: [0, -1],
};

function drag(before: Pointer, at: Pointer, hands: ChartHands): void {
  const { extent, plot, viewport, onViewport } = hands;
  const from = placeAt(before.x, before.y, viewport, plot);
  const to = placeAt(at.x, at.y, viewport, plot);
  onViewport(panned(viewport, { ms: from.ms - to.ms, price: from.price - to.price }, extent));
}

function pinch(before: Pointer, at: Pointer, other: Pointer, hands: ChartHands): void {
  const { extent, plot, viewport, onViewport } = hands;
  const factor =
    Math.hypot(before.x - other.x, before.y - other.y) /
    Math.max(1, Math.hypot(at.x - other.x, at.y - other.y));
  const middle = placeAt((at.x + other.x) / 2, (at.y + other.y) / 2, viewport, plot);
  onViewport(zoomed(viewport, middle, { time: factor, price: factor }, extent));
}

function pan([columns, levels]: readonly [number, number], hands: ChartHands): void {
  const { extent, viewport, onViewport } = hands;
  const by = {
    ms: columns * (viewport.toMs - viewport.fromMs) * PAN_SHARE,
    price: levels * (viewport.high - viewport.low) * PAN_SHARE,
  };
  onViewport(panned(viewport, by, extent));
}

/** Moves the crosshair by cells; without one, it appears in the middle. */
function step([columns, levels]: readonly [number, number], hands: ChartHands): void {
  const { cursor, extent, viewport, onCursor } = hands;
  const from = cursor ?? middleOf(viewport);
  const ms = from.ms + columns * extent.intervalMs;
  const price = from.price + levels * extent.step;
  onCursor({
    ms: Math.min(Math.max(ms, viewport.fromMs), viewport.toMs - 1),
    price: Math.min(Math.max(price, viewport.low), viewport.high),
  });
}

function zoom(factor: number, hands: ChartHands): void {
  const { cursor, extent, viewport, onViewport } = hands;
  const place = cursor ?? middleOf(viewport);
  onViewport(zoomed(viewport, place, { time: factor, price: factor }, extent));
}

function middleOf({ fromMs, toMs, low, high }: Viewport): Place {
  return { ms: (fromMs + toMs) / 2, price: (low + high) / 2 };
}
