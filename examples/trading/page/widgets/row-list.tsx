/** A widget that shows the rows of one live query as a list. */
import type { ReactElement } from "react";
import type { LiveQueryResult } from "tidemark/react";
import { LiveRows, type RowColumn } from "../../../ui/live-rows.tsx";
import { NoRows } from "../../../ui/no-rows.tsx";
import { useBadge } from "../use-badge.ts";
import type { ChannelName, Filters } from "../use-filters.ts";
import { WidgetFrame } from "../widget-frame.tsx";
import type { WidgetProps } from "../widget-props.ts";

export interface RowListProps<R, N extends ChannelName> {
  /** What the widget got from the workspace. */
  readonly widget: WidgetProps;
  readonly title: string;
  readonly channel: N;
  readonly filters: Filters<N>;
  readonly columns: readonly RowColumn<R>[];
  readonly view: LiveQueryResult<R>;
}

/** A row that is pressed sets the market of the page. */
export function RowList<R extends { readonly symbol: string }, N extends ChannelName>({
  widget,
  title,
  channel,
  filters: { where, errors },
  columns,
  view,
}: RowListProps<R, N>): ReactElement {
  return (
    <WidgetFrame
      {...widget}
      title={title}
      {...useBadge(view)}
      channel={channel}
      filterErrors={errors}
    >
      <LiveRows
        label={title}
        columns={columns}
        keys={view.keys}
        row={view.row}
        history={view.history}
        isStale={view.status === "stale"}
        empty={<NoRows view={view} isFiltered={where !== undefined} />}
        onPress={({ symbol }) => widget.onSymbol(symbol)}
      />
    </WidgetFrame>
  );
}
