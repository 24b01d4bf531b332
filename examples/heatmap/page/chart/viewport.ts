/** What part of a heatmap is on the screen, and how wheels, drags and keys change it. Pure. */
import type { HeatmapData } from "../../model/grid.ts";

export interface Viewport {
  readonly fromMs: number;
  readonly toMs: number;
  readonly low: number;
  readonly high: number;
}

/** A place in the heatmap. */
export interface Place {
  readonly ms: number;
  readonly price: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The whole of a heatmap, with its cells. */
export interface Extent extends Viewport {
  readonly intervalMs: number;
  readonly step: number;
}

/** The width of a single column. */
const INTERVAL_MS = 60_000;
/** How few columns and levels fill the screen. */
const COLUMNS_MIN = 3;
const LEVELS_MIN = 5;

/** Undefined for an empty heatmap. */
export function extentOf({ times, prices, step }: HeatmapData): Extent | undefined {
  const [first, second] = times;
  const [last, low, high] = [times.at(-1), prices[0], prices.at(-1)];
  if (first === undefined || last === undefined || low === undefined || high === undefined)
    return undefined;
  const intervalMs = second === undefined ? INTERVAL_MS : second - first;
  return {
    fromMs: first,
    toMs: last + intervalMs,
    low: low - step / 2,
    high: high + step / 2,
    intervalMs,
    step,
  };
}

/** Larger factors show more. The place stays where it is on the screen. */
export function zoomed(
  { fromMs, toMs, low, high }: Viewport,
  { ms, price }: Place,
  { time, price: priceFactor }: { readonly time: number; readonly price: number },
  extent: Extent,
): Viewport {
  const timeFactor = atLeast(time, (extent.intervalMs * COLUMNS_MIN) / (toMs - fromMs));
  const factor = atLeast(priceFactor, (extent.step * LEVELS_MIN) / (high - low));
  return within(
    {
      fromMs: ms - (ms - fromMs) * timeFactor,
      toMs: ms + (toMs - ms) * timeFactor,
      low: price - (price - low) * factor,
      high: price + (high - price) * factor,
    },
    extent,
  );
}

export function panned(viewport: Viewport, by: Place, extent: Extent): Viewport {
  const { fromMs, toMs, low, high } = viewport;
  const ms = Math.min(Math.max(by.ms, extent.fromMs - fromMs), extent.toMs - toMs);
  const price = Math.min(Math.max(by.price, extent.low - low), extent.high - high);
  return within(
    { fromMs: fromMs + ms, toMs: toMs + ms, low: low + price, high: high + price },
    extent,
  );
}

/** The part of it that there is; all of the heatmap where that is nothing. */
export function within(viewport: Viewport, extent: Extent): Viewport {
  const fromMs = Math.max(viewport.fromMs, extent.fromMs);
  const toMs = Math.min(viewport.toMs, extent.toMs);
  const low = Math.max(viewport.low, extent.low);
  const high = Math.min(viewport.high, extent.high);
  return fromMs < toMs && low < high ? { fromMs, toMs, low, high } : whole(extent);
}

export function whole({ fromMs, toMs, low, high }: Extent): Viewport {
  return { fromMs, toMs, low, high };
}

export function isWhole({ fromMs, toMs, low, high }: Viewport, extent: Extent): boolean {
  return fromMs <= extent.fromMs && toMs >= extent.toMs && low <= extent.low && high >= extent.high;
}

export function isIn({ ms, price }: Place, { fromMs, toMs, low, high }: Viewport): boolean {
  return ms >= fromMs && ms <= toMs && price >= low && price <= high;
}

export function placeAt(x: number, y: number, viewport: Viewport, size: Size): Place {
  const { fromMs, toMs, low, high } = viewport;
  return {
    ms: fromMs + (x / size.width) * (toMs - fromMs),
    price: high - (y / size.height) * (high - low),
  };
}

export function xOf(ms: number, { fromMs, toMs }: Viewport, { width }: Size): number {
  return ((ms - fromMs) / (toMs - fromMs)) * width;
}

export function yOf(price: number, { low, high }: Viewport, { height }: Size): number {
  return ((high - price) / (high - low)) * height;
}

/** A cell of the heatmap. */
export interface Cell {
  /** The start of its column. */
  readonly time: number;
  /** The middle of its level. */
  readonly price: number;
  readonly value: number;
  /** Whose positions would be liquidated there. */
  readonly side: "long" | "short";
}

/** The cell at a place; undefined outside. */
export function cellAt(data: HeatmapData, extent: Extent, { ms, price }: Place): Cell | undefined {
  const column = data.times.findIndex((time) => ms >= time && ms < time + extent.intervalMs);
  const level = Math.round((price - (data.prices[0] ?? 0)) / extent.step);
  const [time, middle] = [data.times[column], data.prices[level]];
  if (time === undefined || middle === undefined) return undefined;
  return {
    time,
    price: middle,
    value: data.values[level]?.[column] ?? 0,
    side: middle < (data.closes[column] ?? 0) ? "long" : "short",
  };
}

function atLeast(factor: number, least: number): number {
  return Math.max(factor, Math.min(1, least));
}
