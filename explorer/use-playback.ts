/**
 * The client of the past while a page that is rewound plays. Another speed, and a slider that is
 * moved meanwhile, begin another replay. One at a time, closed when the page pauses.
 */
import { useEffect, useRef, useState } from "react";
import type { Query, ReplayClient, TidemarkClient } from "../src/client/index.ts";
import type { PageState, Past } from "./page-state.ts";

/** How often the moment on the screen moves on, and how often that in the address. */
const MOMENT_MS = 250;
const ADDRESS_MS = 1_000;

export interface Playback {
  /** Undefined while the past stands still, and until the code for replays is loaded. */
  readonly client: TidemarkClient | undefined;
  /** The moment in the address, as the playback knows it: another one was chosen by the reader. */
  readonly told: { current: number | undefined };
}

export function usePlayback(channel: string, past: Past | undefined): Playback {
  const [client, setClient] = useState<ReplayClient>();
  const [round, setRound] = useState(0);
  const told = useRef<number>(undefined);
  const atMs = past?.atMs;
  const newestMs = useRef(atMs);
  useEffect(() => {
    newestMs.current = atMs;
  });
  const speed = past?.isPlaying === true ? past.speed : undefined;
  useEffect(() => {
    if (speed === undefined) return undefined;
    let own: ReplayClient | undefined;
    let isOver = false;
    told.current = newestMs.current;
    void import("../src/client/replay.ts").then(({ createReplay }) => {
      if (isOver) return;
      own = createReplay({
        url: new URL("/v2/replay", location.href).href,
        from: new Date(told.current ?? 0),
        speed,
        channels: [channel],
        // The page says itself what is wrong.
        onWarning: () => {},
      });
      setClient(own);
    });
    return () => {
      isOver = true;
      own?.close();
      setClient(undefined);
    };
    // oxlint-disable-next-line react/exhaustive-effect-dependencies, react-hooks/exhaustive-deps
  }, [channel, speed, round]);
  useEffect(() => {
    if (client !== undefined && atMs !== told.current) setRound((before) => before + 1);
  }, [client, atMs]);
  return { client, told };
}

/** The moment of the rows while they play, which is also kept in the address. */
export function useMoment(
  { client, told }: Playback,
  query: Query | undefined,
  past: Past | undefined,
  onChange: (change: Pick<PageState, "past">) => void,
): number | undefined {
  const [moment, setMoment] = useState<number>();
  const newest = useRef({ query, past });
  useEffect(() => {
    newest.current = { query, past };
  });
  useEffect(() => {
    if (client === undefined) return undefined;
    let writtenAtMs = 0;
    const look = (): void => {
      const { current } = newest;
      if (current.query === undefined || current.past?.isPlaying !== true) return;
      // The reader has chosen another moment.
      if (current.past.atMs !== told.current) return;
      const { asOf, status } = client.live(current.query).getSnapshot();
      // The replay has come to the present.
      if (status === "live") return onChange({ past: undefined });
      if (asOf === undefined || status === "loading") return;
      setMoment(asOf);
      const nowMs = performance.now();
      if (nowMs - writtenAtMs < ADDRESS_MS) return;
      writtenAtMs = nowMs;
      told.current = asOf;
      onChange({ past: { ...current.past, atMs: asOf } });
    };
    const timer = setInterval(look, MOMENT_MS);
    return () => {
      clearInterval(timer);
      setMoment(undefined);
    };
  }, [client, told, onChange]);
  return moment;
}
