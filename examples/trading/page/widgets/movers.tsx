/** The markets whose prices have moved most over the newest trades. */
import type { ReactElement } from "react";
import type { Mover } from "../../channels.ts";
import { groupDigits } from "../../../ui/format.ts";
import { useLiveQuery } from "../hooks.ts";
import { LiveRows, type RowColumn, type Tone } from "../live-rows.tsx";
import { NoRows } from "../no-rows.tsx";
import { useBadge } from "../use-badge.ts";
import { useFilters } from "../use-filters.ts";
import { WidgetFrame } from "../widget-frame.tsx";
import type { WidgetProps } from "../widget-props.ts";

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
  const { widget, onSymbol } = props;
  const { where, errors } = useFilters("movers", widget.filters);
  const view = useLiveQuery({
    channel: "movers",
    ...(where && { where }),
    orderBy: [{ column: "size", direction: "desc" }],
    limit: 50,
  });
  return (
    <WidgetFrame
      {...props}
      title="Top movers"
      {...useBadge(view)}
      channel="movers"
      filterErrors={errors}
    >
      <LiveRows
        label="Top movers"
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
