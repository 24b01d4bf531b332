/** The time slider of the whole page. */
import { useEffect, useState, type ReactElement } from "react";
import type { ReplayClient } from "tidemark/client";
import type { Channels } from "../channels.ts";
import type { Past } from "../../ui/past.ts";
import { TimeBar } from "../../ui/time-bar.tsx";
import { useNow } from "../../ui/use-now.ts";
import { live } from "./client.ts";
import { useConnection } from "./hooks.ts";
import type { Rewind } from "./use-rewind.ts";

interface RewindBarProps {
  readonly past: Past;
  readonly rewind: Rewind;
  readonly onChange: (past: Past | undefined) => void;
}

export function RewindBar({ past, rewind, onChange }: RewindBarProps): ReactElement {
  const presentMs = useNow() + live.connection.getSnapshot().clockOffsetMs;
  const fromMs = useHistoryStart();
  return (
    <TimeBar
      channel="trades"
      past={past}
      atMs={rewind.atMs}
      exactMs={rewind.exactMs}
      fromMs={fromMs}
      presentMs={presentMs}
      keepsHistory
      trouble={useTrouble(rewind.client)}
      takesFocus
      onChange={onChange}
    />
  );
}

/** Why the replay does not go on. */
function useTrouble(client: ReplayClient<Channels> | undefined): string | undefined {
  const { state } = useConnection({ client: client ?? live });
  return state.kind === "waiting" || state.kind === "refused" ? state.reason : undefined;
}

/** Since when books and quotes are kept. */
function useHistoryStart(): number | undefined {
  const [fromMs, setFromMs] = useState<number>();
  useEffect(() => {
    const abort = new AbortController();
    live.describe("depth", abort).then(
      ({ history }) => setFromMs(history?.fromTimeMs),
      // The slider then has a usual span.
      () => {},
    );
    return () => abort.abort();
  }, []);
  return fromMs;
}
