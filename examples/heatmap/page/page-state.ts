/**
 * The page in its address, so that a link is a view: the market, what part of the heatmap is shown,
 * and the moment that the page is rewound to. Pure functions.
 */
import { pastIn, setPast, type Past } from "../../ui/past.ts";
import type { Viewport } from "./chart/viewport.ts";

export interface PageState {
  /** Undefined for the first market. */
  readonly symbol: string | undefined;
  /** Undefined for all of the heatmap. */
  readonly viewport: Viewport | undefined;
  /** Undefined while the page is live. */
  readonly past: Past | undefined;
}

/** `?symbol=ETHUSDT&view=1795344840000_1795346640000_1890_2010` */
export function addressOf({ symbol, viewport, past }: PageState, search: string): string {
  const parameters = new URLSearchParams(search);
  parameters.delete("symbol");
  parameters.delete("view");
  if (symbol !== undefined) parameters.set("symbol", symbol);
  if (viewport !== undefined) {
    const { fromMs, toMs, low, high } = viewport;
    const prices = [low, high].map((price) => Number(price.toPrecision(6)));
    parameters.set("view", [Math.round(fromMs), Math.round(toMs), ...prices].join("_"));
  }
  setPast(parameters, past);
  return `?${parameters.toString()}`;
}

export function parsePage(search: string): PageState {
  const parameters = new URLSearchParams(search);
  return {
    symbol: parameters.get("symbol") ?? undefined,
    viewport: parseViewport(parameters.get("view") ?? ""),
    past: pastIn(parameters),
  };
}

function parseViewport(text: string): Viewport | undefined {
  const [fromMs = Number.NaN, toMs = 0, low = 0, high = 0, ...rest] = text.split("_").map(Number);
  return fromMs < toMs && low < high && rest.length === 0 && Number.isFinite(high - low)
    ? { fromMs, toMs, low, high }
    : undefined;
}
