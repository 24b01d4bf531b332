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
import type { Column } from "../src/client/index.ts";
import { useFreshness } from "../src/react/index.ts";
import { Grid } from "./grid.tsx";
import { ColumnMenu } from "./column-menu.tsx";
import { CopyCode } from "./copy-code.tsx";
import { copyAsCode } from "./copy-as-code.ts";
import { countText, historyText } from "./count-text.ts";
import { FollowButton } from "./follow-button.tsx";
import { HistoryFoot } from "../examples/ui/history-foot.tsx";
import { newestFirst } from "./newest-first.ts";
import { Nothing } from "./nothing.tsx";
import { useIsAway, ViewBadge } from "./outage.tsx";
import type { TableCommands } from "./palette.tsx";
import type { Past } from "../examples/ui/past.ts";
import { nextSort, type PageState } from "./page-state.ts";
import { PastContext } from "./past.ts";
import { RewindButton } from "./rewind-button.tsx";
import { useChannelShape } from "./use-channel-shape.ts";
import { useFollow } from "./use-follow.ts";
import { useOlderRows } from "../examples/ui/use-older-rows.ts";
import { useHistorySpan } from "./use-history-span.ts";
import { useExactPresent } from "./use-server-now.ts";
import { PLAYED_ROWS, useShownView } from "./use-shown-view.ts";

/** Loaded when someone first opens a row, or rewinds the page. */
const Detail = lazy(async () => ({ default: (await import("./detail.tsx")).Detail }));
const TimeBar = lazy(async () => ({ default: (await import("./time-bar.tsx")).TimeBar }));

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
  readonly commands: RefObject<TableCommands | undefined>;
}): ReactElement {
  const shape = useChannelShape(channel);
  const newest = useMemo(() => newestFirst(shape), [shape]);
  const chosen = page.sort.filter(({ column }) =>
    shape.columns.some(({ name }) => name === column),
  );
  const sort = chosen.length > 0 || newest === undefined ? chosen : [newest];
  const isNewestFirst =
    newest !== undefined && sort[0]?.column === newest.column && sort[0].direction === "desc";
  const { past } = page;
  const isRewound = past !== undefined;
  const exactNow = useExactPresent();
  const shown = useShownView({ channel, shape, sort, page });
  const { applied, atMs, client, errors, view } = shown;
  const isAway = useIsAway();
  const hasNoPast = isRewound && shape.isKnown && shape.history === undefined;
  const isLoading = (view.status === "loading" || view.status === "idle") && !isAway && !hasNoPast;
  const scroller = useRef<HTMLDivElement>(null);
  const follow = useFollow(scroller, {
    keys: view.keys,
    isNewestFirst,
    isLoading,
    queryId: JSON.stringify([channel, sort, page.columns, page.filters, past?.isPlaying]),
    history: view.history,
  });
  // Until the rows are shown, the grid is not as high as they are.
  useOlderRows(scroller, shown.isComing ? undefined : view.history);
  const span = useHistorySpan(
    channel,
    shape.history,
    isRewound || shape.history?.rows !== undefined,
  );
  const { asOf } = useFreshness(follow.isStill && !isRewound ? applied : undefined);
  const invalid = Object.keys(errors).length;
  const isFiltered = Object.keys(page.filters).length > invalid;
  const required = useMemo(
    () => new Set([...shape.key, ...sort.map(({ column }) => column)]),
    // oxlint-disable-next-line react-hooks/exhaustive-deps
    [shape.key, JSON.stringify(sort)],
  );
  const shownNames = useMemo(
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
        shape.columns.filter(({ name }) => shownNames.has(name)),
        shape.key,
      ),
    [shape, shownNames],
  );

  const hasRewound = useRef(false);
  const rewind = useCallback(() => {
    hasRewound.current = true;
    onChange({ past: { atMs: exactNow(), speed: 1, isPlaying: false } });
  }, [onChange, exactNow]);
  const fromMs = span?.fromTimeMs;
  const toBeginning =
    past === undefined || fromMs === undefined
      ? undefined
      : () => onChange({ past: { ...past, atMs: fromMs } });
  const toMoment = useCallback((next: Past | undefined) => onChange({ past: next }), [onChange]);
  const toLive = useCallback(() => toMoment(undefined), [toMoment]);
  const toFilter = useRef<(column: string) => void>(undefined);
  useEffect(() => {
    commands.current = {
      columns,
      toColumn: (name) => toFilter.current?.(name),
      actions: [
        ["Copy as code", () => void copyAsCode(applied)],
        isRewound
          ? ["Back to live", toLive]
          : [follow.isFollowing ? "Pause" : "Show new rows", follow.toggle],
        ...(isRewound || shape.history === undefined
          ? []
          : [["Rewind to another time", rewind] as const]),
        ["Clear filters", () => onChange({ filters: {} })],
        ["Show all columns", () => onChange({ columns: undefined })],
      ],
    };
    return () => {
      commands.current = undefined;
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

  const moment = atMs === undefined ? undefined : Math.floor(atMs / 1_000) * 1_000;
  return (
    <PastContext value={moment}>
      <main className="channel">
        <header className="title">
          <h1>{channel}</h1>
          {!hasNoPast && <ViewBadge view={view} />}
          <span className="count number" title={historyText(span)}>
            {countText(view, {
              isFiltered,
              isNewestFirst,
              historyRows: isRewound ? undefined : span?.rows,
              limit: client && PLAYED_ROWS,
            })}
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
          {!isRewound && (
            <>
              <RewindButton isPossible={shape.history !== undefined} onRewind={rewind} />
              <FollowButton follow={follow} isNewestFirst={isNewestFirst} asOf={asOf} />
            </>
          )}
          <ColumnMenu
            all={shape.columns}
            required={required}
            shown={shownNames}
            onChange={(next) => onChange({ columns: next })}
          />
        </header>
        {past !== undefined && (
          <Suspense fallback={<div className="time-bar" />}>
            <TimeBar
              channel={channel}
              past={past}
              atMs={atMs ?? past.atMs}
              exactMs={shown.exactMs}
              fromMs={fromMs}
              keepsHistory={!hasNoPast}
              client={client}
              takesFocus={hasRewound.current}
              query={shown.query}
              onPlayback={shown.onPlayback}
              onChange={toMoment}
            />
          </Suspense>
        )}
        <div className="content">
          <Grid
            label={channel}
            columns={columns}
            keyColumns={shape.key}
            scroller={scroller}
            toFilter={toFilter}
            keys={follow.keys}
            row={view.row}
            isStale={view.status === "stale" && !follow.isStill && !isRewound}
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
                hasNoPast={hasNoPast}
                isFiltered={isFiltered}
                isRewound={isRewound}
                onToBeginning={toBeginning}
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
                asOf={
                  client !== undefined
                    ? undefined
                    : isRewound
                      ? (applied.asOf as string)
                      : view.history?.pausedAt
                }
                past={client}
                onClose={() => onChange({ row: undefined })}
              />
            </Suspense>
          )}
        </div>
      </main>
    </PastContext>
  );
}

/** Key columns first: the first column stays visible when the grid scrolls sideways. */
function keyFirst(columns: readonly Column[], key: readonly string[]): readonly Column[] {
  return [
    ...columns.filter(({ name }) => key.includes(name)),
    ...columns.filter(({ name }) => !key.includes(name)),
  ];
}
