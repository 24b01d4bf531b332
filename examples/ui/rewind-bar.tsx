/** The time slider of a page that is rewound as a whole, by a replay. */
import { useEffect, useState, type ReactElement } from "react";
import type { ClientChannels, ReplayClient, TidemarkClient } from "tidemark/client";
import { useConnection } from "tidemark/react";
import type { Past } from "./past.ts";
import { TimeBar } from "./time-bar.tsx";
import { useNow } from "./use-now.ts";
import type { Rewind } from "./use-rewind.ts";

/** How far back a page goes at first. */
const REWIND_MS = 60_000;
/** How long it waits to learn how far back it can go. */
const DESCRIBE_MS = 1_000;

interface RewindBarProps<C extends ClientChannels> {
  readonly past: Past;
  readonly rewind: Rewind<C>;
  /** The page's client of the present. */
  readonly live: TidemarkClient<C>;
  readonly channel: keyof C & string;
  /** Where the slider begins: `useHistoryStart`. */
  readonly fromMs: number | undefined;
  readonly onChange: (past: Past | undefined) => void;
}

export function RewindBar<C extends ClientChannels>({
  past,
  rewind,
  live,
  channel,
  fromMs,
  onChange,
}: RewindBarProps<C>): ReactElement {
  const presentMs = useNow() + live.connection.getSnapshot().clockOffsetMs;
  return (
    <TimeBar
      channel={channel}
      past={past}
      atMs={rewind.atMs}
      exactMs={rewind.exactMs}
      fromMs={fromMs}
      presentMs={presentMs}
      keepsHistory
      trouble={useTrouble(rewind.client ?? live)}
      takesFocus
      onChange={onChange}
    />
  );
}

/** Why the replay does not go on. */
function useTrouble<C extends ClientChannels>(
  client: ReplayClient<C> | TidemarkClient<C>,
): string | undefined {
  const { state } = useConnection({ client });
  return state.kind === "waiting" || state.kind === "refused" ? state.reason : undefined;
}

/**
 * Rewinds the page by a minute, but not farther back than the channel's history. A server that does
 * not say soon since when it has one does not keep the reader waiting.
 */
export function beginRewind<C extends ClientChannels>(
  live: TidemarkClient<C>,
  channel: keyof C & string,
  onChange: (past: Past) => void,
): void {
  const presentMs = Date.now() + live.connection.getSnapshot().clockOffsetMs;
  const go = (firstMs = 0): void =>
    onChange({ atMs: Math.max(presentMs - REWIND_MS, firstMs), speed: 1, isPlaying: false });
  live.describe(channel, { signal: AbortSignal.timeout(DESCRIBE_MS) }).then(
    ({ history }) => go(history?.fromTimeMs),
    () => go(),
  );
}

/** Since when the channel's rows are kept; undefined while the page is live. */
export function useHistoryStart<C extends ClientChannels>(
  live: TidemarkClient<C>,
  channel: keyof C & string,
  isRewound: boolean,
): number | undefined {
  const [fromMs, setFromMs] = useState<number>();
  useEffect(() => {
    if (!isRewound) return undefined;
    const abort = new AbortController();
    live.describe(channel, abort).then(
      ({ history }) => setFromMs(history?.fromTimeMs),
      // The slider then has a usual span.
      () => {},
    );
    return () => abort.abort();
  }, [live, channel, isRewound]);
  return fromMs;
}
