/** Since when a channel has history, and how many rows that is. */
import { useEffect, useState } from "react";
import type { ChannelHistorySpan } from "../src/client/index.ts";
import { useTidemarkClient } from "../src/react/index.ts";

const REFRESH_MS = 10_000;

/** It is asked for again while it is wanted; the last answer stays. */
export function useHistorySpan(
  channel: string,
  known: ChannelHistorySpan | undefined,
  isWanted: boolean,
): ChannelHistorySpan | undefined {
  const client = useTidemarkClient();
  const [span, setSpan] = useState(known);
  const isAsked = known !== undefined && isWanted;
  useEffect(() => {
    if (!isAsked) return undefined;
    const abort = new AbortController();
    const ask = (): void => {
      if (document.hidden) return;
      client.describe(channel, abort).then(
        ({ history }) => setSpan(history),
        () => {},
      );
    };
    const timer = setInterval(ask, REFRESH_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [client, channel, isAsked]);
  return span ?? known;
}
