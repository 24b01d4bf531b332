/**
 * A live query for figures that people read: its rows change on the screen at most a few times in a
 * second, however often the server's do.
 */
import { useCallback, useMemo, useRef, useSyncExternalStore } from "react";
import type { QueryOf, RowOf, ViewSnapshot } from "tidemark/client";
import type { Channels } from "../channels.ts";
import { live } from "./client.ts";

const EVERY_MS = 500;

export function useCalmQuery<N extends keyof Channels & string>(
  query: QueryOf<Channels, N>,
): ViewSnapshot<RowOf<Channels[N]>> {
  const id = JSON.stringify(query);
  const view = useMemo(() => live.live<N>(JSON.parse(id) as QueryOf<Channels, N>), [id]);
  const shown = useRef<{
    readonly of: object;
    readonly snapshot: ViewSnapshot<RowOf<Channels[N]>>;
  }>(undefined);
  const subscribe = useCallback(
    (listener: () => void) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const show = (): void => {
        timer = undefined;
        shown.current = { of: view, snapshot: view.getSnapshot() };
        listener();
      };
      const stop = view.subscribe(() => {
        // What has changed in kind is told at once.
        if (view.getSnapshot().status !== shown.current?.snapshot.status) {
          clearTimeout(timer);
          show();
        } else timer ??= setTimeout(show, EVERY_MS);
      });
      return () => {
        clearTimeout(timer);
        stop();
      };
    },
    [view],
  );
  return useSyncExternalStore(subscribe, () => {
    if (shown.current?.of !== view) shown.current = { of: view, snapshot: view.getSnapshot() };
    return shown.current.snapshot;
  });
}
