/** The trade tape: the newest trades first, and all stored ones below them. */
import type { ReactElement } from "react";
import type { Trade } from "../../channels.ts";
import { groupDigits } from "../../../ui/format.ts";
import { clockText } from "../format.ts";
import { FAST, useLiveQuery } from "../hooks.ts";
import type { RowColumn } from "../../../ui/live-rows.tsx";
import { useIsRewound } from "../rewound.ts";
import { useFilters } from "../use-filters.ts";
import type { WidgetProps } from "../widget-props.ts";
import { RowList } from "./row-list.tsx";

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
  const filters = useFilters("trades", props.widget.filters);
  const isRewound = useIsRewound();
  const view = useLiveQuery(
    {
      channel: "trades",
      ...(filters.where && { where: filters.where }),
      orderBy: [{ column: "time", direction: "desc" }],
      limit: PAGE_ROWS,
      ...(!isRewound && { history: true }),
    },
    FAST,
  );
  return (
    <RowList
      widget={props}
      title="Trades"
      channel="trades"
      filters={filters}
      columns={COLUMNS}
      view={view}
    />
  );
}
