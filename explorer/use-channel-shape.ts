/**
 * A channel's columns and key, from the server's description of it: asked for again when the server
 * has restarted.
 */
import { useEffect, useMemo, useState, useSyncExternalStore } from "react";
import type { ChannelDescription, Column } from "../src/client/index.ts";
import { useLiveQuery, useTidemarkClient } from "../src/react/index.ts";

export interface ChannelShape extends Pick<ChannelDescription, "columns" | "key" | "history"> {
  /** Whether the server has described the channel. */
  readonly isKnown: boolean;
}

const UNKNOWN: ChannelShape = { columns: [], key: [], isKnown: false };
/** After a request that failed. */
const RETRY_MS = 2_000;

/**
 * Every column, whatever the present query selects. A channel that declares none has those of its
 * first row.
 */
export function useChannelShape(channel: string): ChannelShape {
  const description = useDescription(channel);
  const isUndeclared = description?.columns.length === 0;
  const names = useLiveQuery(isUndeclared ? { channel, limit: 1 } : undefined, {
    select: ({ rows }) => Object.keys(rows[0] ?? {}).join("\n"),
  });
  return useMemo(() => {
    if (description === undefined) return UNKNOWN;
    if (names === "") return { ...description, isKnown: true };
    const columns = names.split("\n").map((name): Column => ({ name, type: "any" }));
    return { ...description, columns, isKnown: true };
  }, [description, names]);
}

function useDescription(channel: string): ChannelDescription | undefined {
  const client = useTidemarkClient();
  const epoch = useSyncExternalStore(
    client.connection.subscribe,
    () => client.connection.getSnapshot().epoch,
  );
  const [attempt, setAttempt] = useState(0);
  const [known, setKnown] = useState<ChannelDescription>();
  useEffect(() => {
    const abort = new AbortController();
    let retry: ReturnType<typeof setTimeout> | undefined;
    client.describe(channel, abort).then(setKnown, () => {
      if (!abort.signal.aborted)
        retry = setTimeout(() => setAttempt((before) => before + 1), RETRY_MS);
    });
    return () => {
      abort.abort();
      clearTimeout(retry);
    };
    // The server may answer otherwise once it has restarted, and when a request has failed.
    // oxlint-disable-next-line react/exhaustive-effect-dependencies, react-hooks/exhaustive-deps
  }, [client, channel, epoch, attempt]);
  return known?.channel === channel ? known : undefined;
}
