/**
 * The rows that the grid shows: live; as of a moment, from history; or those of a replay while the
 * past plays.
 */
import { useEffect, useRef, useState } from "react";
import type { OrderBy, Query, TidemarkClient } from "../src/client/index.ts";
import type { LiveQueryResult } from "../src/react/index.ts";
import type { PageState } from "./page-state.ts";
import type { ChannelShape } from "./use-channel-shape.ts";
import { useFilteredView, type FilteredView } from "./use-filtered-view.ts";
import { useKeptView } from "./use-kept-view.ts";
import { useMoment, usePlayback } from "./use-playback.ts";

/** Rows of the grid while the past plays: more are shown when it stands still. */
export const PLAYED_ROWS = 1_000;

export interface ShownView extends Pick<FilteredView, "errors"> {
  /** Until its rows have come, the rows of the moment before. */
  readonly view: LiveQueryResult;
  /** The query of the rows: with the filters that apply, and as of the moment. */
  readonly applied: Query;
  /** The rows of the present query are still to come. */
  readonly isComing: boolean;
  /** While the past plays: its client. */
  readonly client: TidemarkClient | undefined;
  /** The moment of the rows, or the one that is asked for; undefined in the present. */
  readonly atMs: number | undefined;
  /** The same to the last commit. */
  readonly exactMs: () => number | undefined;
}

export interface ShownViewOptions {
  readonly channel: string;
  readonly shape: ChannelShape;
  readonly sort: readonly OrderBy[];
  readonly page: PageState;
  readonly onChange: (change: Pick<PageState, "past">) => void;
}

export function useShownView({
  channel,
  shape,
  sort,
  page: { columns, filters, past },
  onChange,
}: ShownViewOptions): ShownView {
  const playback = usePlayback(channel, past);
  const { client } = playback;
  const waiting = useRef<number>(undefined);
  const [, askAgain] = useState(0);
  const wantedMs = past?.atMs;
  // A slider that is dragged asks for one moment at a time, and in the end for the last one.
  const askedMs = wantedMs === undefined ? undefined : (waiting.current ?? wantedMs);
  const base: Query = {
    channel,
    ...(sort.length > 0 && { orderBy: sort }),
    ...(columns !== undefined && { columns }),
  };
  const keepsHistory = shape.history !== undefined;
  const query: Query = {
    ...base,
    ...(client !== undefined
      ? { limit: PLAYED_ROWS }
      : askedMs !== undefined
        ? { asOf: new Date(askedMs).toISOString() }
        : keepsHistory && { history: true }),
  };
  // Without its shape, the table's own order is not known.
  const isAsked = shape.isKnown && (past === undefined || keepsHistory);
  const filtered = useFilteredView(isAsked ? query : undefined, shape.columns, filters, client);
  const { applied = query, errors, view: newest } = filtered;
  const kept = useKeptView(newest, {
    subject: JSON.stringify([base, filters]),
    source: `${JSON.stringify(query)} ${client === undefined ? "" : past?.speed}`,
  });
  const view = isAsked ? kept : newest;
  const isComing = newest.status === "loading" || newest.status === "idle";
  const isWaiting = isComing && isAsked && client === undefined;
  useEffect(() => {
    waiting.current = isWaiting ? askedMs : undefined;
    if (!isWaiting && askedMs !== wantedMs) askAgain((before) => before + 1);
  }, [isWaiting, askedMs, wantedMs]);
  const moment = useMoment(playback, filtered.applied, past, onChange);
  const atMs = past && (moment ?? past.atMs);
  return {
    view,
    applied: client === undefined ? applied : asOf(applied, atMs),
    errors,
    isComing,
    client,
    atMs,
    exactMs: () => client?.live(applied).getSnapshot().asOf ?? atMs,
  };
}

/** The rows that a query of a replay has at a moment, from history. */
function asOf({ limit: _limit, ...query }: Query, atMs = 0): Query {
  return { ...query, asOf: new Date(atMs).toISOString() };
}
