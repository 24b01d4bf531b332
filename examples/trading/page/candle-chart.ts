/**
 * Draws candles, newest last, and follows their changes: a changed or new candle at the end is an
 * update, anything else sets all of them. It has the colours of the page, also when the theme
 * changes. It says when somebody comes near the oldest candle.
 */
import {
  CandlestickSeries,
  createChart,
  HistogramSeries,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
} from "lightweight-charts";
import type { Candle } from "../channels.ts";
import { onThemeChange, readColours } from "../../ui/colours.ts";
import { newestChanges } from "./newest-changes.ts";

export interface CandleChartOptions {
  readonly hasSeconds: boolean;
  /** The oldest candles are in sight, or nearly. */
  readonly onOldest: () => void;
  /** The pointer is over the candle of this time, in Unix milliseconds; or over none. */
  readonly onHover: (timeMs: number | undefined) => void;
}

/** Older candles are asked for when less than so many are left of what is in sight. */
const CANDLES_AHEAD = 200;

export class CandleChart {
  readonly #chart: IChartApi;
  readonly #prices: ISeriesApi<"Candlestick">;
  readonly #volumes: ISeriesApi<"Histogram">;
  readonly #stop: () => void;
  #shown: readonly Candle[] = [];
  #colours = chartColours();

  constructor(element: HTMLElement, { hasSeconds, onOldest, onHover }: CandleChartOptions) {
    this.#chart = createChart(element, {
      autoSize: true,
      layout: { attributionLogo: false, fontSize: 11, fontFamily: "Inter Variable, sans-serif" },
      timeScale: {
        secondsVisible: hasSeconds,
        timeVisible: true,
        rightOffset: 4,
        tickMarkFormatter: (time: number) => clockText(time, hasSeconds),
      },
      localization: { timeFormatter: (time: number) => new Date(time * 1_000).toLocaleString() },
    });
    this.#prices = this.#chart.addSeries(CandlestickSeries, {});
    this.#volumes = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
    this.#chart
      .timeScale()
      .subscribeVisibleLogicalRangeChange(() => this.isNearOldest() && onOldest());
    this.#chart.subscribeCrosshairMove(({ time }) =>
      onHover(time === undefined ? undefined : Number(time) * 1_000),
    );
    this.#paint();
    const repaint = (): void => {
      this.#colours = chartColours();
      this.#paint();
      this.#setAll(this.#shown);
    };
    this.#stop = onThemeChange(repaint);
  }

  /** The newest first. */
  show(rows: readonly Candle[]): void {
    const before = this.#shown;
    this.#shown = rows;
    const changed = newestChanges(before, rows);
    if (changed === undefined) return this.#setAll(rows);
    for (const row of changed) {
      this.#prices.update(this.#bar(row));
      this.#volumes.update(this.#column(row));
    }
  }

  isNearOldest(): boolean {
    const range = this.#chart.timeScale().getVisibleLogicalRange();
    return range !== null && range.from < CANDLES_AHEAD;
  }

  remove(): void {
    this.#stop();
    this.#chart.remove();
  }

  #setAll(rows: readonly Candle[]): void {
    const inOrder = rows.toReversed();
    const newest = inOrder.at(-1);
    if (newest !== undefined) this.#setPrecision(newest);
    this.#prices.setData(inOrder.map((row) => this.#bar(row)));
    this.#volumes.setData(inOrder.map((row) => this.#column(row)));
  }

  #setPrecision({ close }: Candle): void {
    const precision = close.split(".")[1]?.length ?? 0;
    this.#prices.applyOptions({
      priceFormat: { type: "price", precision, minMove: 10 ** -precision },
    });
  }

  #bar({ bucket, open, high, low, close }: Candle) {
    return {
      time: timeOf(bucket),
      open: Number(open),
      high: Number(high),
      low: Number(low),
      close: Number(close),
    };
  }

  #column({ bucket, open, close, volume }: Candle) {
    const isUp = Number(close) >= Number(open);
    const color = isUp ? this.#colours["up-soft"] : this.#colours["down-soft"];
    return { time: timeOf(bucket), value: Number(volume), color };
  }

  #paint(): void {
    const { "surface-0": surface, "text-dim": text, "surface-2": line, up, down } = this.#colours;
    this.#chart.applyOptions({
      layout: { background: { color: surface }, textColor: text },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    });
    this.#prices.applyOptions({
      // Filled or empty, so that up and down differ without their colours too.
      upColor: surface,
      downColor: down,
      borderUpColor: up,
      borderDownColor: down,
      priceLineColor: text,
      wickUpColor: up,
      wickDownColor: down,
    });
  }
}

function timeOf(bucket: string): UTCTimestamp {
  return (Date.parse(bucket) / 1_000) as UTCTimestamp;
}

/** In the reader's time zone, which the library does not know. */
function clockText(seconds: number, hasSeconds: boolean): string {
  return new Date(seconds * 1_000).toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    ...(hasSeconds && { second: "2-digit" }),
  });
}

function chartColours() {
  return readColours("surface-0", "surface-2", "text-dim", "up", "down", "up-soft", "down-soft");
}
