/**
 * The workspace in the page's address, so that a link is a workspace: its widgets with their
 * places, symbols, filters and alerts, and the time that the page is rewound to. Pure functions.
 */
import { pastIn, setPast, type Past } from "../../ui/past.ts";
import { COLUMN_COUNT, compact, withinGrid, type Box } from "./layout.ts";

export const KINDS = ["tape", "quotes", "candles", "ladder", "volume", "movers", "alerts"] as const;
export type WidgetKind = (typeof KINDS)[number];

export const WIDTHS = ["1s", "5s", "1m", "15m", "1h"] as const;
export type CandleWidth = (typeof WIDTHS)[number];
const WIDTH: CandleWidth = "5s";

/** Rows of a channel that somebody wants to be told of. */
export interface AlertRule {
  readonly channel: "trades" | "quotes";
  readonly column: string;
  /** As in a filter: `>10`, `1..9`, `=buy`, `/regex/`. */
  readonly text: string;
}

export interface WidgetState {
  readonly id: string;
  readonly kind: WidgetKind;
  readonly box: Box;
  /** Of widgets that show one market; undefined for the first one. */
  readonly symbol: string | undefined;
  /** How much time a candle stands for. */
  readonly width: CandleWidth;
  /** Filter texts by column. */
  readonly filters: Readonly<Record<string, string>>;
  readonly alerts: readonly AlertRule[];
}

export interface PageState {
  readonly widgets: readonly WidgetState[];
  /** Undefined while the page is live. */
  readonly past: Past | undefined;
}

const DEFAULTS: readonly (readonly [WidgetKind, Box])[] = [
  ["quotes", { x: 0, y: 0, w: 6, h: 8 }],
  ["movers", { x: 0, y: 8, w: 6, h: 8 }],
  ["volume", { x: 0, y: 16, w: 6, h: 8 }],
  ["candles", { x: 6, y: 0, w: 11, h: 14 }],
  ["ladder", { x: 6, y: 14, w: 5, h: 10 }],
  ["alerts", { x: 11, y: 14, w: 6, h: 10 }],
  ["tape", { x: 17, y: 0, w: 7, h: 24 }],
];
const DEFAULT_ALERTS: readonly AlertRule[] = [
  { channel: "trades", column: "quantity", text: ">12000" },
];
const FILTER = "f.";
const WIDGETS_MAX = 24;
const ALERTS_MAX = 8;

export function newWidget(kind: WidgetKind, id: string, box: Box): WidgetState {
  const alerts = kind === "alerts" ? DEFAULT_ALERTS : [];
  return { id, kind, box, symbol: undefined, width: WIDTH, filters: {}, alerts };
}

export const DEFAULT_STATE: PageState = {
  widgets: DEFAULTS.map(([kind, box], index) => newWidget(kind, String(index + 1), box)),
  past: undefined,
};

/** `?w=tape 17.0.7.24 symbol=BTCUSDT&…`: one parameter for each widget. */
export function addressOf({ widgets, past }: PageState, search: string): string {
  const parameters = new URLSearchParams(search);
  parameters.delete("w");
  setPast(parameters, past);
  const texts = widgets.map(widgetText);
  const isDefault = texts.join() === DEFAULT_STATE.widgets.map(widgetText).join();
  if (!isDefault && texts.length === 0) parameters.set("w", "none");
  if (!isDefault) for (const text of texts) parameters.append("w", text);
  return `?${parameters.toString()}`;
}

export function parsePage(search: string): PageState {
  const parameters = new URLSearchParams(search);
  const texts = parameters.getAll("w");
  const past = pastIn(parameters);
  if (texts.length === 0) return { ...DEFAULT_STATE, past };
  const widgets = texts
    .slice(0, WIDGETS_MAX)
    .flatMap((text, index) => parseWidget(text, String(index + 1)) ?? []);
  return { widgets: compact(widgets), past };
}

function widgetText({ kind, box, symbol, width, filters, alerts }: WidgetState): string {
  const options = new URLSearchParams();
  if (symbol !== undefined) options.set("symbol", symbol);
  if (width !== WIDTH) options.set("width", width);
  for (const [column, text] of Object.entries(filters))
    if (text !== "") options.set(FILTER + column, text);
  if (kind === "alerts")
    for (const { channel, column, text } of alerts)
      options.append("alert", `${channel}.${column} ${text}`);
  return `${kind} ${box.x}.${box.y}.${box.w}.${box.h} ${options.toString()}`.trim();
}

function parseWidget(text: string, id: string): WidgetState | undefined {
  const [kindText = "", boxText = "", search = ""] = text.split(" ", 3);
  const kind = KINDS.find((known) => known === kindText);
  const [x, y, w, h] = boxText.split(".").map(Number);
  if (kind === undefined || [x, y, w, h].some((value) => !Number.isInteger(value)))
    return undefined;
  const options = new URLSearchParams(search);
  const filters: Record<string, string> = {};
  for (const [name, value] of options)
    if (name.startsWith(FILTER) && value !== "") filters[name.slice(FILTER.length)] = value;
  const box = withinGrid({ x: x ?? 0, y: y ?? 0, w: w ?? COLUMN_COUNT, h: h ?? 0 });
  return {
    ...newWidget(kind, id, box),
    symbol: options.get("symbol") ?? undefined,
    width: WIDTHS.find((width) => width === options.get("width")) ?? WIDTH,
    filters,
    alerts: [...new Set(options.getAll("alert"))].slice(0, ALERTS_MAX).flatMap(parseAlert),
  };
}

function parseAlert(text: string): readonly AlertRule[] {
  const match = /^(trades|quotes)\.(\w+) (.+)$/.exec(text);
  if (match === null) return [];
  const [, channel, column = "", rest = ""] = match;
  return [{ channel: channel as AlertRule["channel"], column, text: rest }];
}
