/**
 * The client of the past while a page that is rewound plays. Another speed, and a slider that is
 * moved meanwhile, begin another replay. One at a time, closed when the page pauses.
 */
import { useEffect, useRef, useState } from "react";
import type { Query, TidemarkClient } from "../src/client/index.ts";
import { createReplay, type ReplayClient } from "../src/client/replay.ts";
import type { Past } from "../examples/ui/past.ts";

/** How often the moment on the screen moves on, and how often that in the address. */
const MOMENT_MS = 250;
const ADDRESS_MS = 1_000;

/** What the page shows of a playback. */
export interface Playback {
  /** Undefined while the past stands still. */
  readonly client: TidemarkClient | undefined;
  /** The moment of the rows while they play; undefined before the first ones. */
  readonly momentMs: number | undefined;
}

interface Replay {
  readonly client: TidemarkClient | undefined;
  /** The moment in the address, as the playback knows it: another one was chosen by the reader. */
  readonly told: { current: number | undefined };
}

export interface PlaybackOptions {
  readonly channel: string;
  readonly past: Past;
  /** The query of the rows that are shown. */
  readonly query: Query;
  readonly onChange: (past: Past | undefined) => void;
  readonly onPlayback: (playback: Playback) => void;
}

/** Plays while the page says so, and keeps the moment in the address. */
export function usePlayback({ channel, past, query, onChange, onPlayback }: PlaybackOptions): void {
  const replay = useReplay(channel, past);
  const momentMs = useMoment(replay, { query, past, onChange });
  const { client } = replay;
  useEffect(() => onPlayback({ client, momentMs }), [client, momentMs, onPlayback]);
  useEffect(() => () => onPlayback({ client: undefined, momentMs: undefined }), [onPlayback]);
}

function useReplay(channel: string, past: Past): Replay {
  const [client, setClient] = useState<ReplayClient>();
  const [round, setRound] = useState(0);
  const told = useRef<number>(undefined);
  const { atMs } = past;
  const newestMs = useRef(atMs);
  useEffect(() => {
    newestMs.current = atMs;
  });
  const speed = past.isPlaying ? past.speed : undefined;
  useEffect(() => {
    if (speed === undefined) return undefined;
    told.current = newestMs.current;
    const own = createReplay({
      url: new URL("/v2/replay", location.href).href,
      from: new Date(newestMs.current),
      speed,
      channels: [channel],
      // The page says itself what is wrong.
      onWarning: () => {},
    });
    setClient(own);
    return () => {
      own.close();
      setClient(undefined);
    };
    // oxlint-disable-next-line react/exhaustive-effect-dependencies, react-hooks/exhaustive-deps
  }, [channel, speed, round]);
  useEffect(() => {
    if (client !== undefined && atMs !== told.current) setRound((before) => before + 1);
  }, [client, atMs]);
  return { client, told };
}

function useMoment(
  { client, told }: Replay,
  shown: Pick<PlaybackOptions, "query" | "past" | "onChange">,
): number | undefined {
  const [moment, setMoment] = useState<number>();
  const newest = useRef(shown);
  useEffect(() => {
    newest.current = shown;
  });
  useEffect(() => {
    if (client === undefined) return undefined;
    let writtenAtMs = 0;
    const look = (): void => {
      const { past, query, onChange } = newest.current;
      // The reader has chosen another moment, or pauses.
      if (!past.isPlaying || past.atMs !== told.current) return;
      const { asOf, status } = client.live(query).getSnapshot();
      // The replay has come to the present.
      if (status === "live") return onChange(undefined);
      if (asOf === undefined || status === "loading") return;
      setMoment(asOf);
      const nowMs = performance.now();
      if (nowMs - writtenAtMs < ADDRESS_MS) return;
      writtenAtMs = nowMs;
      told.current = asOf;
      onChange({ ...past, atMs: asOf });
    };
    const timer = setInterval(look, MOMENT_MS);
    return () => {
      clearInterval(timer);
      setMoment(undefined);
    };
  }, [client, told]);
  return moment;
}
