/** The best bid and ask of each market. */
import type { ReactElement } from "react";
import type { Quote } from "../../channels.ts";
import { groupDigits } from "../../../ui/format.ts";
import { useLiveQuery } from "../hooks.ts";
import { LiveRows, type RowColumn } from "../live-rows.tsx";
import { NoRows } from "../no-rows.tsx";
import { useBadge } from "../use-badge.ts";
import { useFilters } from "../use-filters.ts";
import { WidgetFrame } from "../widget-frame.tsx";
import type { WidgetProps } from "../widget-props.ts";

const COLUMNS: readonly RowColumn<Quote>[] = [
  { name: "symbol", title: "market", share: 1, minPx: 80, text: ({ symbol }) => symbol },
  {
    name: "bid",
    title: "bid",
    share: 1,
    minPx: 72,
    isNumber: true,
    flashes: true,
    text: ({ bid }) => groupDigits(bid),
  },
  {
    name: "ask",
    title: "ask",
    share: 1,
    minPx: 72,
    isNumber: true,
    flashes: true,
    text: ({ ask }) => groupDigits(ask),
  },
  {
    name: "spread",
    title: "spread bp",
    share: 0.8,
    minPx: 64,
    isNumber: true,
    text: ({ bid, ask }) => basisPoints(Number(bid), Number(ask)),
    tone: () => "dim",
  },
];

export function Quotes(props: WidgetProps): ReactElement {
  const { widget, onSymbol } = props;
  const { where, errors } = useFilters("quotes", widget.filters);
  const view = useLiveQuery({
    channel: "quotes",
    ...(where && { where }),
    orderBy: [{ column: "symbol" }],
    limit: 200,
  });
  return (
    <WidgetFrame
      {...props}
      title="Quotes"
      {...useBadge(view)}
      channel="quotes"
      filterErrors={errors}
    >
      <LiveRows
        label="Quotes"
        columns={COLUMNS}
        keys={view.keys}
        row={view.row}
        isStale={view.status === "stale"}
        empty={<NoRows view={view} isFiltered={where !== undefined} />}
        onPress={({ symbol }) => onSymbol(symbol)}
      />
    </WidgetFrame>
  );
}

/** The spread in hundredths of a percent of the middle. */
function basisPoints(bid: number, ask: number): string {
  return (((ask - bid) / (ask + bid)) * 20_000).toFixed(2);
}
