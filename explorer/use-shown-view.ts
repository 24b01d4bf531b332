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
import type { Playback } from "./use-playback.ts";

/** Rows of the grid while the past plays: more are shown when it stands still. */
export const PLAYED_ROWS = 1_000;

const STANDS_STILL: Playback = { client: undefined, momentMs: undefined };

export interface ShownView extends Pick<FilteredView, "errors"> {
  /** Until its rows have come, the rows of the moment before. */
  readonly view: LiveQueryResult;
  /** The query of the rows, with the filters that apply. */
  readonly query: Query;
  /** The same for anywhere: while the past plays, as of its moment. */
  readonly applied: Query;
  /** The rows of the present query are still to come. */
  readonly isComing: boolean;
  /** While the past plays: its client. */
  readonly client: TidemarkClient | undefined;
  /** The moment of the rows, or the one that is asked for; undefined in the present. */
  readonly atMs: number | undefined;
  /** Takes the playback's client and moment. */
  readonly onPlayback: (playback: Playback) => void;
  /** The moment to the last commit. */
  readonly exactMs: () => number | undefined;
}

export interface ShownViewOptions {
  readonly channel: string;
  readonly shape: ChannelShape;
  readonly sort: readonly OrderBy[];
  readonly page: PageState;
}

export function useShownView({
  channel,
  shape,
  sort,
  page: { columns, filters, past },
}: ShownViewOptions): ShownView {
  const [{ client, momentMs }, onPlayback] = useState(STANDS_STILL);
  const replays = useRef({ client, count: 0 });
  if (replays.current.client !== client)
    replays.current = { client, count: replays.current.count + 1 };
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
    source: `${replays.current.count} ${JSON.stringify(query)}`,
  });
  const view = isAsked ? kept : newest;
  const isComing = newest.status === "loading" || newest.status === "idle";
  const isWaiting = isComing && isAsked && client === undefined;
  useEffect(() => {
    waiting.current = isWaiting ? askedMs : undefined;
    if (!isWaiting && askedMs !== wantedMs) askAgain((before) => before + 1);
  }, [isWaiting, askedMs, wantedMs]);
  const atMs = past && (momentMs ?? past.atMs);
  return {
    view,
    query: applied,
    applied: client === undefined ? applied : asOf(applied, atMs),
    errors,
    isComing,
    client,
    atMs,
    onPlayback,
    exactMs: () => client?.live(applied).getSnapshot().asOf ?? atMs,
  };
}

/** The rows that a query of a replay has at a moment, from history. */
function asOf({ limit: _limit, ...query }: Query, atMs = 0): Query {
  return { ...query, asOf: new Date(atMs).toISOString() };
}
