/** The time slider of the page, and the playback behind it. */
import { useSyncExternalStore, type ReactElement } from "react";
import type { TidemarkClient } from "../src/client/index.ts";
import { TimeBar as Bar, type TimeBarProps as BarProps } from "../examples/ui/time-bar.tsx";
import { usePlayback, type PlaybackOptions } from "./use-playback.ts";
import { usePresent } from "./use-server-now.ts";

export interface TimeBarProps
  extends PlaybackOptions, Omit<BarProps, "presentMs" | "trouble" | "onChange"> {
  /** While the past plays: its client. */
  readonly client: TidemarkClient | undefined;
}

export function TimeBar({ client, ...props }: TimeBarProps): ReactElement {
  usePlayback(props);
  return <Bar {...props} presentMs={usePresent()} trouble={useTrouble(client)} />;
}

/** Why the replay does not go on. */
function useTrouble(client: TidemarkClient | undefined): string | undefined {
  return useSyncExternalStore(client?.connection.subscribe ?? never, () => {
    const state = client?.connection.getSnapshot().state;
    return state?.kind === "waiting" || state?.kind === "refused" ? state.reason : undefined;
  });
}

const never = (): (() => void) => () => {};
