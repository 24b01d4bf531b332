/** A chart of candles with their volumes, by `lightweight-charts`. */
import { useEffect, useRef, useState, type ReactElement } from "react";
import type { Candle } from "../channels.ts";
import { formatCount, groupDigits } from "../../ui/format.ts";
import { CandleChart } from "./candle-chart.ts";

/** The newest candle in numbers. */
function Legend({ candle }: { readonly candle: Candle | undefined }): ReactElement | null {
  if (candle === undefined) return null;
  const { open, high, low, close, volume, trades } = candle;
  const tone = Number(close) >= Number(open) ? "up" : "down";
  return (
    <div className="legend number" data-tone={tone}>
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

export function Chart({
  label,
  rows,
  hasSeconds,
}: {
  readonly label: string;
  /** The newest first. */
  readonly rows: readonly Candle[];
  readonly hasSeconds: boolean;
}): ReactElement {
  const element = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<CandleChart>();
  useEffect(() => {
    if (element.current === null) return undefined;
    const own = new CandleChart(element.current, { hasSeconds });
    setChart(own);
    return () => own.remove();
  }, [hasSeconds]);
  useEffect(() => chart?.show(rows), [chart, rows]);
  return (
    <>
      <Legend candle={rows[0]} />
      <div ref={element} className="chart" role="img" aria-label={label} />
    </>
  );
}
