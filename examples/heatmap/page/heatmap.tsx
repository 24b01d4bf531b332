/** The heatmap of one market, or why there is none. */
import { useMemo, type ReactElement } from "react";
import { State } from "../../ui/state.tsx";
import { gridOf } from "../model/grid.ts";
import type { HeatmapRow } from "../channels.ts";
import { HeatmapChart } from "./chart/heatmap-chart.tsx";
import { extentOf, type Viewport } from "./chart/viewport.ts";

export interface HeatmapProps {
  readonly symbol: string;
  /** The server has no such market: its link is wrong. */
  readonly isUnknown: boolean;
  readonly rows: readonly HeatmapRow[];
  readonly status: string;
  readonly reason: string | undefined;
  readonly isRewound: boolean;
  /** The page is rewound to a time before the first estimate. */
  readonly isBeforeHistory: boolean;
  readonly price: number | undefined;
  readonly viewport: Viewport | undefined;
  readonly onViewport: (viewport: Viewport | undefined) => void;
}

export function Heatmap(props: HeatmapProps): ReactElement {
  const { symbol, rows, status, reason, price, viewport, onViewport } = props;
  const data = useMemo(() => gridOf(symbol, rows), [symbol, rows]);
  const extent = useMemo(() => extentOf(data), [data]);
  if (extent !== undefined)
    return (
      <HeatmapChart
        data={data}
        extent={extent}
        viewport={viewport}
        price={price ?? data.price}
        onViewport={onViewport}
      />
    );
  if (props.isUnknown)
    return (
      <State title={`There is no market ${symbol}`}>Choose one of the list in the header.</State>
    );
  if (status === "refused") return <State title="The server refuses the heatmap">{reason}</State>;
  if (props.isBeforeHistory) return <NoEstimate />;
  if (status === "loading" || status === "idle")
    return <div className="skeleton" role="status" aria-label="The heatmap is loading" />;
  if (props.isRewound) return <NoEstimate />;
  if (status === "stale" || status === "disconnected")
    return <State title="The heatmap can't be calculated">{reason}</State>;
  return (
    <State title={`Estimating ${symbol}`}>
      Nobody watched this market before. The first estimate takes about a second, once there are
      trades.
    </State>
  );
}

function NoEstimate(): ReactElement {
  return (
    <State title="There was no estimate then">
      The server estimates a market only while somebody watches it. Choose a later moment.
    </State>
  );
}
