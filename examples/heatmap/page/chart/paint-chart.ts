/** Draws the chart: cells, price line, axes, the live price and the crosshair. */
import type { HeatmapData } from "../../model/grid.ts";
import { digitsOf, priceText, priceTicks, timeText, timeTicks } from "./ticks.ts";
import {
  xOf,
  yOf,
  type Cell,
  type Extent,
  type Place,
  type Size,
  type Viewport,
} from "./viewport.ts";

/** The room of the two axes, in pixels. */
const PRICE_AXIS_PX = 72;
const TIME_AXIS_PX = 24;

const FONT = '11px "Inter Variable", system-ui, sans-serif';
const PX_PER_PRICE = 44;
const PX_PER_TIME = 72;

export interface ChartColours {
  readonly text: string;
  readonly "text-dim": string;
  readonly line: string;
  readonly accent: string;
  readonly "on-accent": string;
  readonly "surface-0": string;
}

export interface ChartScene {
  readonly data: HeatmapData;
  readonly extent: Extent;
  readonly viewport: Viewport;
  /** The cells, one pixel each. */
  readonly cells: CanvasImageSource;
  readonly price: number | undefined;
  readonly cursor: Place | undefined;
  readonly cell: Cell | undefined;
  readonly colours: ChartColours;
}

/** `size` is the whole canvas's, in CSS pixels. */
export function paintChart(context: CanvasRenderingContext2D, size: Size, scene: ChartScene): void {
  const plot = plotOf(size);
  context.clearRect(0, 0, size.width, size.height);
  context.font = FONT;
  context.textBaseline = "middle";
  context.save();
  context.beginPath();
  context.rect(0, 0, plot.width, plot.height);
  context.clip();
  paintCells(context, plot, scene);
  paintPriceLine(context, plot, scene);
  paintCrosshair(context, plot, scene);
  context.restore();
  paintAxes(context, plot, scene);
  paintLabels(context, plot, scene);
}

/** The part of the canvas that has the cells, from its upper left corner on. */
export function plotOf({ width, height }: Size): Size {
  return {
    width: Math.max(1, width - PRICE_AXIS_PX),
    height: Math.max(1, height - TIME_AXIS_PX),
  };
}

function paintCells(context: CanvasRenderingContext2D, plot: Size, scene: ChartScene): void {
  const { cells, extent, viewport } = scene;
  const [left, right] = [xOf(extent.fromMs, viewport, plot), xOf(extent.toMs, viewport, plot)];
  const [top, bottom] = [yOf(extent.high, viewport, plot), yOf(extent.low, viewport, plot)];
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, left, top, right - left, bottom - top);
}

/** The last price of each column, as steps, up to the live price. */
function paintPriceLine(context: CanvasRenderingContext2D, plot: Size, scene: ChartScene): void {
  const { colours, data, extent, viewport, price } = scene;
  context.beginPath();
  data.times.forEach((time, column) => {
    const isNewest = column === data.times.length - 1;
    const close = (isNewest ? price : undefined) ?? data.closes[column] ?? 0;
    const y = yOf(close, viewport, plot);
    if (column === 0) context.moveTo(xOf(time, viewport, plot), y);
    else context.lineTo(xOf(time, viewport, plot), y);
    context.lineTo(xOf(time + extent.intervalMs, viewport, plot), y);
  });
  context.lineJoin = "round";
  strokeOnCells(context, 2, colours);
}

function paintCrosshair(context: CanvasRenderingContext2D, plot: Size, scene: ChartScene): void {
  const { colours, cursor, cell, extent, viewport } = scene;
  if (cursor === undefined) return;
  const x = Math.round(xOf(cursor.ms, viewport, plot)) + 0.5;
  const y = Math.round(yOf(cursor.price, viewport, plot)) + 0.5;
  if (cell !== undefined) {
    const left = xOf(cell.time, viewport, plot);
    const top = yOf(cell.price + extent.step / 2, viewport, plot);
    const width = xOf(cell.time + extent.intervalMs, viewport, plot) - left;
    const height = yOf(cell.price - extent.step / 2, viewport, plot) - top;
    context.beginPath();
    context.rect(left, top, width, height);
    strokeOnCells(context, 1, colours);
  }
  context.setLineDash([4, 4]);
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, plot.height);
  context.moveTo(0, y);
  context.lineTo(plot.width, y);
  strokeOnCells(context, 1, colours);
  context.setLineDash([]);
}

/** In the text's colour with an edge in the page's, to be seen on every colour of the scale. */
function strokeOnCells(
  context: CanvasRenderingContext2D,
  width: number,
  { text, "surface-0": edge }: ChartColours,
): void {
  context.strokeStyle = edge;
  context.lineWidth = width + 2;
  context.stroke();
  context.strokeStyle = text;
  context.lineWidth = width;
  context.stroke();
}

function paintAxes(context: CanvasRenderingContext2D, plot: Size, scene: ChartScene): void {
  const { colours, extent, price, viewport } = scene;
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(plot.width + 0.5, 0);
  context.lineTo(plot.width + 0.5, plot.height + 0.5);
  context.lineTo(0, plot.height + 0.5);
  context.stroke();
  context.fillStyle = colours["text-dim"];
  context.textAlign = "right";
  const digits = digitsOf(extent.step);
  const right = plot.width + PRICE_AXIS_PX - 8;
  const priceY = price === undefined ? undefined : yOf(price, viewport, plot);
  const isTaken = (y: number): boolean => priceY !== undefined && Math.abs(y - priceY) < 16;
  for (const tick of priceTicks(viewport.low, viewport.high, plot.height / PX_PER_PRICE)) {
    const y = yOf(tick, viewport, plot);
    if (y > 8 && y < plot.height - 4 && !isTaken(y))
      context.fillText(priceText(tick, digits), right, y);
  }
  context.textAlign = "center";
  for (const tick of timeTicks(viewport.fromMs, viewport.toMs, plot.width / PX_PER_TIME)) {
    const x = xOf(tick, viewport, plot);
    if (x > 18 && x < plot.width - 18)
      context.fillText(timeText(tick), x, plot.height + TIME_AXIS_PX / 2 + 1);
  }
}

/** On the axes: the live price, and the place of the crosshair. */
function paintLabels(context: CanvasRenderingContext2D, plot: Size, scene: ChartScene): void {
  const { colours, cursor, cell, extent, price, viewport } = scene;
  const digits = digitsOf(extent.step);
  const onPriceAxis = (at: number, text: string, colour: string, ink: string): void => {
    const y = yOf(at, viewport, plot);
    if (y < 0 || y > plot.height) return;
    const middle = Math.min(Math.max(y, 9), plot.height - 9);
    context.fillStyle = colour;
    context.fillRect(plot.width + 1, middle - 9, PRICE_AXIS_PX - 1, 18);
    context.fillStyle = ink;
    context.textAlign = "right";
    context.fillText(text, plot.width + PRICE_AXIS_PX - 8, middle + 1);
  };
  if (price !== undefined)
    onPriceAxis(price, priceText(price, digits), colours.accent, colours["on-accent"]);
  if (cursor === undefined) return;
  const at = cell?.price ?? cursor.price;
  onPriceAxis(at, priceText(at, digits), colours.text, colours["surface-0"]);
  const x = Math.min(Math.max(xOf(cursor.ms, viewport, plot), 24), plot.width - 24);
  context.fillStyle = colours.text;
  context.fillRect(x - 24, plot.height + 2, 48, 18);
  context.fillStyle = colours["surface-0"];
  context.textAlign = "center";
  context.fillText(timeText(cell?.time ?? cursor.ms), x, plot.height + 12);
}
