/** The trade tape: the newest trades first, and all stored ones below them. */
import type { ReactElement } from "react";
import type { Trade } from "../../channels.ts";
import { groupDigits } from "../../../ui/format.ts";
import { clockText } from "../format.ts";
import { useLiveQuery } from "../hooks.ts";
import { LiveRows, type RowColumn } from "../live-rows.tsx";
import { NoRows } from "../no-rows.tsx";
import { useIsRewound } from "../rewound.ts";
import { useBadge } from "../use-badge.ts";
import { useFilters } from "../use-filters.ts";
import { WidgetFrame } from "../widget-frame.tsx";
import type { WidgetProps } from "../widget-props.ts";

const PAGE_ROWS = 200;

const toneOf = ({ side }: Trade) => (side === "buy" ? "up" : "down");

const COLUMNS: readonly RowColumn<Trade>[] = [
  {
    name: "time",
    title: "time",
    share: 1,
    minPx: 92,
    text: ({ time }) => clockText(time),
    tone: () => "dim",
  },
  { name: "symbol", title: "market", share: 1, minPx: 76, text: ({ symbol }) => symbol },
  {
    name: "side",
    title: "side",
    share: 0.5,
    minPx: 46,
    text: ({ side }) => (side === "buy" ? "▲ buy" : "▼ sell"),
    tone: toneOf,
  },
  {
    name: "price",
    title: "price",
    share: 1,
    minPx: 66,
    isNumber: true,
    text: ({ price }) => groupDigits(price),
    tone: toneOf,
  },
  {
    name: "quantity",
    title: "quantity",
    share: 1,
    minPx: 62,
    isNumber: true,
    text: ({ quantity }) => groupDigits(quantity),
  },
];

export function Tape(props: WidgetProps): ReactElement {
  const { widget, onSymbol } = props;
  const { where, errors } = useFilters("trades", widget.filters);
  const isRewound = useIsRewound();
  const view = useLiveQuery({
    channel: "trades",
    ...(where && { where }),
    orderBy: [{ column: "time", direction: "desc" }],
    limit: PAGE_ROWS,
    ...(!isRewound && { history: true }),
  });
  return (
    <WidgetFrame
      {...props}
      title="Trades"
      {...useBadge(view)}
      channel="trades"
      filterErrors={errors}
    >
      <LiveRows
        label="Trades"
        columns={COLUMNS}
        keys={view.keys}
        row={view.row}
        history={view.history}
        isStale={view.status === "stale"}
        empty={<NoRows view={view} isFiltered={where !== undefined} />}
        onPress={({ symbol }) => onSymbol(symbol)}
      />
    </WidgetFrame>
  );
}
