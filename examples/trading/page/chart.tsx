/** A chart of candles with their volumes, by `lightweight-charts`. */
import { useEffect, useRef, useState, type ReactElement } from "react";
import type { Candle } from "../channels.ts";
import { CandleChart } from "./candle-chart.ts";

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
  return <div ref={element} className="chart" role="img" aria-label={label} />;
}
