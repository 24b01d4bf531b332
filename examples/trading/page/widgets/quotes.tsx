/** The best bid and ask of each market. */
import type { ReactElement } from "react";
import type { Quote } from "../../channels.ts";
import { groupDigits } from "../../../ui/format.ts";
import { FAST, useLiveQuery } from "../hooks.ts";
import type { RowColumn } from "../../../ui/live-rows.tsx";
import { useFilters } from "../use-filters.ts";
import type { WidgetProps } from "../widget-props.ts";
import { RowList } from "./row-list.tsx";

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
  const filters = useFilters("quotes", props.widget.filters);
  const view = useLiveQuery(
    {
      channel: "quotes",
      ...(filters.where && { where: filters.where }),
      orderBy: [{ column: "symbol" }],
      limit: 200,
    },
    FAST,
  );
  return (
    <RowList
      widget={props}
      title="Quotes"
      channel="quotes"
      filters={filters}
      columns={COLUMNS}
      view={view}
    />
  );
}

/** The spread in hundredths of a percent of the middle. */
function basisPoints(bid: number, ask: number): string {
  return (((ask - bid) / (ask + bid)) * 20_000).toFixed(2);
}
