/** A chart of candles with their volumes, by `lightweight-charts`. */
import { useEffect, useEffectEvent, useRef, useState, type ReactElement } from "react";
import type { ViewHistory } from "tidemark/client";
import type { Candle } from "../channels.ts";
import { formatCount, groupDigits } from "../../ui/format.ts";
import { HistoryFoot } from "../../ui/history-foot.tsx";
import { mayLoadMore } from "../../ui/use-older-rows.ts";
import { CandleChart } from "./candle-chart.ts";

/** A candle in numbers: the one under the pointer, with its time, or the newest. */
function Legend({
  rows,
  hoveredMs,
}: {
  readonly rows: readonly Candle[];
  readonly hoveredMs: number | undefined;
}): ReactElement | null {
  const hovered =
    hoveredMs === undefined
      ? undefined
      : rows.find(({ bucket }) => Date.parse(bucket) === hoveredMs);
  const candle = hovered ?? rows[0];
  if (candle === undefined) return null;
  const { open, high, low, close, volume, trades } = candle;
  const tone = Number(close) >= Number(open) ? "up" : "down";
  return (
    <div className="legend number" data-tone={tone} data-bucket={candle.bucket}>
      {hovered !== undefined && <b>{new Date(hovered.bucket).toLocaleString()}</b>}
      {Object.entries({ open, high, low, close, volume }).map(([name, value]) => (
        <span key={name}>
          <b className="dim">{name}</b> {groupDigits(value)}
        </span>
      ))}
      <span>
        <b className="dim">trades</b> {formatCount(trades)}
      </span>
    </div>
  );
}

function loadOlder(history: ViewHistory | undefined): void {
  if (history !== undefined && mayLoadMore(history)) history.loadMore();
}

export function Chart({
  label,
  rows,
  history,
  hasSeconds,
}: {
  readonly label: string;
  /** The newest first. */
  readonly rows: readonly Candle[];
  /** From where older ones come; undefined while the page shows the past. */
  readonly history: ViewHistory | undefined;
  readonly hasSeconds: boolean;
}): ReactElement {
  const element = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<CandleChart>();
  const [hoveredMs, setHoveredMs] = useState<number>();
  const onOldest = useEffectEvent(() => loadOlder(history));
  useEffect(() => {
    if (element.current === null) return undefined;
    const own = new CandleChart(element.current, {
      hasSeconds,
      onOldest: () => onOldest(),
      onHover: setHoveredMs,
    });
    setChart(own);
    return () => own.remove();
  }, [hasSeconds]);
  useEffect(() => chart?.show(rows), [chart, rows]);
  useEffect(() => {
    // A page that has come may have been too short.
    if (chart?.isNearOldest() === true) loadOlder(history);
  }, [chart, history]);
  return (
    <>
      <Legend rows={rows} hoveredMs={hoveredMs} />
      <div
        ref={element}
        className="chart"
        role="img"
        aria-label={label}
        data-candles={rows.length}
      />
      {history !== undefined &&
        (history.isLoading || history.isFull || history.error !== undefined) && (
          <HistoryFoot history={history} rowCount={rows.length} />
        )}
    </>
  );
}
