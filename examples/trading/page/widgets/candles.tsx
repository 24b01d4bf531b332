/** Candles of one market, from a second to an hour wide. */
import { Suspense, type ReactElement } from "react";
import { lazyPart } from "../../../ui/lazy-part.ts";
import { State } from "../../../ui/state.tsx";
import { CALM, useLiveQuery } from "../hooks.ts";
import { NoRows } from "../../../ui/no-rows.tsx";
import { WIDTHS, type CandleWidth } from "../page-state.ts";
import { SymbolSelect, useSymbol } from "../symbols.tsx";
import { useIsRewound } from "../rewound.ts";
import { both, useFilters } from "../use-filters.ts";
import { useBadge } from "../use-badge.ts";
import { WidgetFrame } from "../widget-frame.tsx";
import type { WidgetProps } from "../widget-props.ts";

/** Candles of a page; while the page is rewound there is no further one. */
const PAGE_CANDLES = 1_000;
const REWOUND_CANDLES_MAX = 2_000;
const TITLES: Readonly<Record<CandleWidth, string>> = {
  "1s": "1 s",
  "5s": "5 s",
  "1m": "1 min",
  "15m": "15 min",
  "1h": "1 h",
};

/** The library for charts is loaded with the first one. */
const Chart = lazyPart(
  () => import("../chart.tsx"),
  ({ Chart }) => Chart,
);

export function Candles(props: WidgetProps): ReactElement {
  const { widget, onChange } = props;
  const symbol = useSymbol(widget.symbol);
  const { where, errors } = useFilters("candles", widget.filters);
  const isRewound = useIsRewound();
  const view = useLiveQuery(
    symbol === undefined
      ? undefined
      : {
          channel: `candles_${widget.width}` as const,
          where: both({ column: "symbol", eq: symbol }, where),
          orderBy: [{ column: "bucket", direction: "desc" }],
          ...(isRewound ? { limit: REWOUND_CANDLES_MAX } : { limit: PAGE_CANDLES, history: true }),
        },
    CALM,
  );
  return (
    <WidgetFrame
      {...props}
      title="Candles"
      {...useBadge(view)}
      channel="candles"
      filterErrors={errors}
      tools={
        <>
          <SymbolSelect value={symbol} onChange={(chosen) => onChange({ symbol: chosen })} />
          <span className="widths" role="group" aria-label="Width of a candle">
            {WIDTHS.map((width) => (
              <button
                key={width}
                type="button"
                className="plain small"
                aria-pressed={width === widget.width}
                onClick={() => onChange({ width })}
              >
                {TITLES[width]}
              </button>
            ))}
          </span>
        </>
      }
    >
      {view.keys.length === 0 ? (
        <NoRows view={view} isFiltered={where !== undefined} />
      ) : (
        <Suspense fallback={<State title="Loading" />}>
          <Chart
            key={`${symbol} ${widget.width}`}
            label={`Candles of ${symbol ?? ""}`}
            rows={view.rows}
            history={view.history}
            hasSeconds={widget.width.endsWith("s")}
          />
        </Suspense>
      )}
    </WidgetFrame>
  );
}
