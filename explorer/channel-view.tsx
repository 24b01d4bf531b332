/** One channel: its title line and the grid, or a message when there are no rows. */
import {
  lazy,
  Suspense,
  useCallback,
  useEffect,
  useMemo,
  useRef,
  type ReactElement,
  type RefObject,
} from "react";
import type { ChannelHistorySpan, Column, Query } from "../src/client/index.ts";
import { useFreshness, type LiveQueryResult } from "../src/react/index.ts";
import { formatCount } from "../examples/review/ui/format.ts";
import { Grid } from "./grid.tsx";
import { State } from "../examples/review/ui/state.tsx";
import { asCode } from "./as-code.ts";
import { ColumnMenu } from "./column-menu.tsx";
import { CopyCode } from "./copy-code.tsx";
import { copyText } from "./copy-text.ts";
import { FollowButton } from "./follow-button.tsx";
import { HistoryFoot } from "../examples/review/ui/history-foot.tsx";
import { newestFirst } from "./newest-first.ts";
import { NotLoaded, useIsAway, ViewBadge } from "./outage.tsx";
import type { Command } from "./palette.tsx";
import { nextSort, type PageState } from "./page-state.ts";
import { useChannelShape } from "./use-channel-shape.ts";
import { useFilteredView } from "./use-filtered-view.ts";
import { useFollow } from "./use-follow.ts";
import { useOlderRows } from "../examples/review/ui/use-older-rows.ts";
import { useHistoryTotal } from "./use-history-total.ts";

/** Loaded when someone first opens a row. */
const Detail = lazy(async () => ({ default: (await import("./detail.tsx")).Detail }));

export function ChannelView({
  channel,
  page,
  onChange,
  commands,
}: {
  readonly channel: string;
  readonly page: PageState;
  readonly onChange: (change: Partial<PageState>) => void;
  /** What the command palette offers for this channel. */
  readonly commands: RefObject<readonly Command[]>;
}): ReactElement {
  const shape = useChannelShape(channel);
  const newest = useMemo(() => newestFirst(shape), [shape]);
  const chosen = page.sort.filter(({ column }) =>
    shape.columns.some(({ name }) => name === column),
  );
  const sort = chosen.length > 0 || newest === undefined ? chosen : [newest];
  const isNewestFirst =
    newest !== undefined && sort[0]?.column === newest.column && sort[0].direction === "desc";
  const query: Query = {
    channel,
    ...(sort.length > 0 && { orderBy: sort }),
    ...(page.columns !== undefined && { columns: page.columns }),
    ...(shape.history !== undefined && { history: true }),
  };
  // Without its shape, the table's own order is not known.
  const {
    view,
    applied = query,
    errors,
  } = useFilteredView(shape.isKnown ? query : undefined, shape.columns, page.filters);
  const isAway = useIsAway();
  const isLoading = (view.status === "loading" || view.status === "idle") && !isAway;
  const scroller = useRef<HTMLDivElement>(null);
  const follow = useFollow(scroller, {
    keys: view.keys,
    isNewestFirst,
    isLoading,
    queryId: JSON.stringify([query, page.filters]),
    history: view.history,
  });
  // Until the rows are shown, the grid is not as high as they are.
  useOlderRows(scroller, isLoading ? undefined : view.history);
  const total = useHistoryTotal(channel, shape.history?.rows);
  const { asOf } = useFreshness(follow.isStill ? applied : undefined);
  const invalid = Object.keys(errors).length;
  const isFiltered = Object.keys(page.filters).length > invalid;
  const required = useMemo(
    () => new Set([...shape.key, ...sort.map(({ column }) => column)]),
    // oxlint-disable-next-line react-hooks/exhaustive-deps
    [shape.key, JSON.stringify(sort)],
  );
  const shown = useMemo(
    () =>
      new Set(
        page.columns === undefined
          ? shape.columns.map(({ name }) => name)
          : [...required, ...page.columns],
      ),
    [page.columns, shape.columns, required],
  );
  const columns = useMemo(
    () =>
      keyFirst(
        shape.columns.filter(({ name }) => shown.has(name)),
        shape.key,
      ),
    [shape, shown],
  );

  const toFilter = useRef<(column: string) => void>(undefined);
  useEffect(() => {
    commands.current = [
      ...columns.map(({ name, type }): Command => {
        return { kind: "column", name, detail: type, run: () => toFilter.current?.(name) };
      }),
      { kind: "action", name: "Copy as code", run: () => void copyText(asCode(applied)) },
      {
        kind: "action",
        name: follow.isFollowing ? "Pause" : "Show new rows",
        run: follow.toggle,
      },
      { kind: "action", name: "Clear filters", run: () => onChange({ filters: {} }) },
      { kind: "action", name: "Show all columns", run: () => onChange({ columns: undefined }) },
    ];
    return () => {
      commands.current = [];
    };
  });

  const onFilter = useCallback(
    (column: string, text: string) => {
      const filters = { ...page.filters };
      if (text.trim() === "") delete filters[column];
      else filters[column] = text;
      onChange({ filters });
    },
    [page.filters, onChange],
  );
  const onSort = useCallback(
    (column: string, isAdditional: boolean) =>
      onChange({ sort: nextSort(page.sort, column, isAdditional) }),
    [page.sort, onChange],
  );
  const onSelect = useCallback((row: string) => onChange({ row }), [onChange]);

  return (
    <main className="channel">
      <header className="title">
        <h1>{channel}</h1>
        <ViewBadge view={view} />
        <span className="count number" title={historyText(shape.history)}>
          {countText(view, isFiltered, total)}
        </span>
        {invalid > 0 && (
          <span className="not-applied">
            {invalid === 1 ? "filter" : `${invalid} filters`} not applied
          </span>
        )}
        <span className="spacer" />
        {(isFiltered || invalid > 0) && (
          <button type="button" onClick={() => onChange({ filters: {} })}>
            Clear filters
          </button>
        )}
        <CopyCode query={applied} />
        <FollowButton follow={follow} isNewestFirst={isNewestFirst} asOf={asOf} />
        <ColumnMenu
          all={shape.columns}
          required={required}
          shown={shown}
          onChange={(next) => onChange({ columns: next })}
        />
      </header>
      <div className="content">
        <Grid
          label={channel}
          columns={columns}
          keyColumns={shape.key}
          scroller={scroller}
          toFilter={toFilter}
          keys={follow.keys}
          row={view.row}
          isStale={view.status === "stale" && !follow.isStill}
          isLoading={isLoading}
          sort={sort}
          filters={page.filters}
          filterErrors={errors}
          onSort={onSort}
          onFilter={onFilter}
          selectedKey={page.row}
          onSelect={onSelect}
          foot={
            view.history !== undefined &&
            (view.keys.length > 0 || view.history.error !== undefined) && (
              <HistoryFoot history={view.history} rowCount={view.keys.length} />
            )
          }
          empty={
            <Nothing
              view={view}
              isFiltered={isFiltered}
              onClear={() => onChange({ filters: {} })}
            />
          }
        />
        {page.row !== undefined && shape.key.length > 0 && (
          <Suspense fallback={<aside className="detail" />}>
            <Detail
              key={channel}
              channel={channel}
              keyColumns={shape.key}
              rowKey={page.row}
              shown={view.row(page.row)}
              keepsHistory={shape.history !== undefined}
              isStill={follow.isStill}
              onClose={() => onChange({ row: undefined })}
            />
          </Suspense>
        )}
      </div>
    </main>
  );
}

/** Key columns first: the first column stays visible when the grid scrolls sideways. */
function keyFirst(columns: readonly Column[], key: readonly string[]): readonly Column[] {
  return [
    ...columns.filter(({ name }) => key.includes(name)),
    ...columns.filter(({ name }) => !key.includes(name)),
  ];
}

/** Since when the channel keeps history, and whether the store takes rows. */
function historyText(history: ChannelHistorySpan | undefined): string | undefined {
  if (history?.fromTimeMs === undefined) return undefined;
  const since = `History since ${new Date(history.fromTimeMs).toLocaleString()}`;
  if (history.status === "retrying") return `${since}. The store takes no rows at present.`;
  return history.status === "full" ? `${since}. The store is behind: rows are refused.` : since;
}

function countText(
  { keys, isPartial, totalRows, channelRows, status, history }: LiveQueryResult,
  isFiltered: boolean,
  historyRows: number | undefined,
): string {
  if (status === "loading" || status === "refused") return "";
  if (history?.hasMore === true) {
    if (isFiltered) return `${formatCount(keys.length)} matching rows loaded`;
    if (historyRows === undefined) return `${formatCount(keys.length)} rows loaded`;
    return `${formatCount(keys.length)} of ${formatCount(Math.max(historyRows, keys.length))} rows`;
  }
  if (history !== undefined && !isFiltered)
    return `${formatCount(keys.length)} ${keys.length === 1 ? "row" : "rows"}`;
  if (history !== undefined) return `${formatCount(keys.length)} matching rows`;
  const rowCount =
    channelRows === undefined
      ? ""
      : formatCount(Math.max(channelRows, isFiltered ? 0 : keys.length));
  const scope =
    isPartial && totalRows !== undefined && totalRows > (channelRows ?? 0)
      ? `newest ${rowCount} of ${formatCount(totalRows)}`
      : "";
  if (isFiltered) return `${formatCount(keys.length)} of ${scope || rowCount} rows`;
  return scope || `${formatCount(keys.length)} ${keys.length === 1 ? "row" : "rows"}`;
}

function Nothing({
  view,
  isFiltered,
  onClear,
}: {
  readonly view: LiveQueryResult;
  readonly isFiltered: boolean;
  readonly onClear: () => void;
}): ReactElement {
  if (view.status === "loading" || view.status === "idle") return <NotLoaded />;
  if (view.status === "refused") {
    return (
      <State
        title="The server refused this query"
        action={
          isFiltered ? (
            <button type="button" onClick={onClear}>
              Clear filters
            </button>
          ) : undefined
        }
      >
        {view.error?.message}
      </State>
    );
  }
  if (isFiltered) {
    return (
      <State
        title="No matching rows"
        action={
          <button type="button" onClick={onClear}>
            Clear filters
          </button>
        }
      >
        Rows appear here as soon as they match.
      </State>
    );
  }
  return <State title="No rows yet">Rows appear here as soon as the table has some.</State>;
}
