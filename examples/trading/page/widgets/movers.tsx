/** The markets whose prices have moved most over the newest trades. */
import type { ReactElement } from "react";
import type { Mover } from "../../channels.ts";
import { groupDigits } from "../../../ui/format.ts";
import { CALM, useLiveQuery } from "../hooks.ts";
import type { RowColumn, Tone } from "../../../ui/live-rows.tsx";
import { useFilters } from "../use-filters.ts";
import type { WidgetProps } from "../widget-props.ts";
import { RowList } from "./row-list.tsx";

const toneOf = ({ move }: Mover): Tone => (move > 0 ? "up" : move < 0 ? "down" : "dim");

const COLUMNS: readonly RowColumn<Mover>[] = [
  { name: "symbol", title: "market", share: 1, minPx: 88, text: ({ symbol }) => symbol },
  {
    name: "last",
    title: "last",
    share: 1,
    minPx: 80,
    isNumber: true,
    flashes: true,
    text: ({ last }) => groupDigits(last),
  },
  {
    name: "move",
    title: "change",
    share: 1,
    minPx: 84,
    isNumber: true,
    text: ({ move }) => `${move > 0 ? "▲ +" : move < 0 ? "▼ −" : ""}${Math.abs(move).toFixed(2)} %`,
    tone: toneOf,
  },
];

export function Movers(props: WidgetProps): ReactElement {
  const filters = useFilters("movers", props.widget.filters);
  const view = useLiveQuery(
    {
      channel: "movers",
      ...(filters.where && { where: filters.where }),
      orderBy: [{ column: "size", direction: "desc" }],
      limit: 50,
    },
    CALM,
  );
  return (
    <RowList
      widget={props}
      title="Top movers"
      channel="movers"
      filters={filters}
      columns={COLUMNS}
      view={view}
    />
  );
}
