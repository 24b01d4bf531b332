/** The chart on its canvas, and the readout of the cell under the crosshair. */
import { useEffect, useMemo, useRef, useState, type ReactElement, type RefObject } from "react";
import { onThemeChange, readColours } from "../../../ui/colours.ts";
import type { HeatmapData } from "../../model/grid.ts";
import { CellBitmap } from "./cell-bitmap.ts";
import { colourScale } from "./colour-scale.ts";
import { Legend } from "./legend.tsx";
import { paintChart, plotOf, type ChartColours } from "./paint-chart.ts";
import { Readout } from "./readout.tsx";
import { useGestures } from "./use-gestures.ts";
import {
  cellAt,
  isIn,
  isWhole,
  whole,
  within,
  type Extent,
  type Place,
  type Size,
  type Viewport,
} from "./viewport.ts";

export interface HeatmapChartProps {
  readonly data: HeatmapData;
  readonly extent: Extent;
  /** Undefined for all of the heatmap. */
  readonly viewport: Viewport | undefined;
  readonly price: number | undefined;
  readonly onViewport: (viewport: Viewport | undefined) => void;
}

export function HeatmapChart(props: HeatmapChartProps): ReactElement {
  const { data, extent, price, onViewport } = props;
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [place, setCursor] = useState<Place>();
  const [cells] = useState(() => new CellBitmap());
  const size = useSize(frame);
  const { colours, isDark } = useColours();
  const viewport = within(props.viewport ?? whole(extent), extent);
  // The heatmap may have moved on below it.
  const cursor = place !== undefined && isIn(place, viewport) ? place : undefined;
  const cell = cursor && cellAt(data, extent, cursor);
  const largest = useMemo(() => largestIn(data), [data]);
  const scale = useMemo(() => colourScale(largest, isDark), [largest, isDark]);
  useGestures(frame, {
    cursor,
    extent,
    viewport,
    plot: plotOf(size),
    onCursor: setCursor,
    // All of it goes on to be all of it when columns are added.
    onViewport: (next) => onViewport(next && isWhole(next, extent) ? undefined : next),
  });
  useEffect(() => {
    const paint = requestAnimationFrame(() => {
      const context = sized(canvas.current, size);
      if (context === undefined) return;
      cells.show(data, extent, scale);
      const scene = { data, extent, viewport, price, cursor, cell, colours };
      paintChart(context, size, { ...scene, cells: cells.canvas });
      if (frame.current !== null) frame.current.dataset["painted"] = String(cells.painted);
    });
    return () => cancelAnimationFrame(paint);
  });
  return (
    <>
      <Readout data={data} extent={extent} cell={cell} price={price} />
      <div
        ref={frame}
        className="chart"
        role="application"
        aria-label={`Estimated liquidations of ${data.symbol} by price and time`}
        aria-describedby="readout"
        tabIndex={0}
      >
        <canvas ref={canvas} style={size} />
      </div>
      <Legend scale={scale} isDark={isDark} value={cell?.value} />
    </>
  );
}

function largestIn({ values }: HeatmapData): number {
  return values.reduce((most, row) => row.reduce((a, b) => Math.max(a, b), most), 0);
}

/** The canvas's context, with a pixel for each pixel of the screen. */
function sized(
  canvas: HTMLCanvasElement | null,
  { width, height }: Size,
): CanvasRenderingContext2D | undefined {
  const context = canvas?.getContext("2d");
  if (canvas === null || !context || width === 0) return undefined;
  const ratio = devicePixelRatio;
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

function useSize(element: RefObject<HTMLElement | null>): Size {
  const [size, setSize] = useState<Size>({ width: 0, height: 0 });
  useEffect(() => {
    const { current } = element;
    if (current === null) return undefined;
    const observer = new ResizeObserver(() =>
      setSize({ width: current.clientWidth, height: current.clientHeight }),
    );
    observer.observe(current);
    return () => observer.disconnect();
  }, [element]);
  return size;
}

interface Theme {
  readonly colours: ChartColours;
  readonly isDark: boolean;
}

function useColours(): Theme {
  const [theme, setTheme] = useState(readTheme);
  useEffect(() => onThemeChange(() => setTheme(readTheme())), []);
  return theme;
}

function readTheme(): Theme {
  const colours = readColours("text", "text-dim", "line", "accent", "on-accent", "surface-0");
  const surface = (colours["surface-0"].match(/\d+/g) ?? []).map(Number);
  return { colours, isDark: (surface[0] ?? 0) < 128 };
}
