/**
 * The client of the past while the page is rewound: one replay, which is moved, paused and sped up
 * as the page's state says.
 */
import { useCallback, useEffect, useRef, useState } from "react";
import { createReplay, type ClientChannels, type ReplayClient } from "tidemark/client";
import type { Past } from "./past.ts";

/** How often the moment on the screen moves on, and how often that in the address. */
const MOMENT_MS = 250;
const ADDRESS_MS = 1_000;
/** This close to the present, the page is live again. */
const PRESENT_MS = 1_000;

export interface Rewind<C extends ClientChannels> {
  /** Undefined while the page is live. */
  readonly client: ReplayClient<C> | undefined;
  /** The moment that is shown. */
  readonly atMs: number;
  readonly exactMs: () => number | undefined;
}

export function useRewind<C extends ClientChannels>(
  past: Past | undefined,
  onChange: (past: Past | undefined) => void,
): Rewind<C> {
  const [client, setClient] = useState<ReplayClient<C>>();
  const [atMs, setAtMs] = useState<number>();
  const newest = useRef(past);
  /** The moment in the address, as the replay knows it: another one was chosen by the reader. */
  const told = useRef<number>(undefined);
  useEffect(() => {
    newest.current = past;
  });
  const isRewound = past !== undefined;
  useEffect(() => {
    if (!isRewound || newest.current === undefined) return undefined;
    const { atMs: from, speed, isPlaying } = newest.current;
    const url = new URL("/v2/replay", location.href).href;
    const own = createReplay<C>({ url, from: new Date(from), speed });
    if (!isPlaying) own.pause();
    told.current = from;
    setClient(own);
    return () => {
      own.close();
      setClient(undefined);
      setAtMs(undefined);
    };
  }, [isRewound]);
  useEffect(() => {
    if (client === undefined || past === undefined) return;
    if (client.speed !== past.speed) client.setSpeed(past.speed);
    if (past.atMs !== told.current) {
      told.current = past.atMs;
      setAtMs(undefined);
      client.seek(new Date(past.atMs));
    }
    if (past.isPlaying) client.resume();
    else client.pause();
  }, [client, past]);
  useMoment(client, { newest, told, setAtMs, onChange });
  const exactMs = useCallback(
    () => (newest.current?.isPlaying ? asOfIn(client) : undefined),
    [client],
  );
  return { client, atMs: atMs ?? past?.atMs ?? 0, exactMs };
}

interface MomentOptions {
  readonly newest: { readonly current: Past | undefined };
  readonly told: { current: number | undefined };
  readonly setAtMs: (atMs: number) => void;
  readonly onChange: (past: Past | undefined) => void;
}

/** While it plays, the moment of the rows is shown, and kept in the address. */
function useMoment<C extends ClientChannels>(
  client: ReplayClient<C> | undefined,
  options: MomentOptions,
): void {
  const last = useRef(options);
  useEffect(() => {
    last.current = options;
  });
  useEffect(() => {
    if (client === undefined) return undefined;
    let writtenAtMs = performance.now();
    const timer = setInterval(() => {
      const { newest, told, setAtMs, onChange } = last.current;
      const past = newest.current;
      const asOf = asOfIn(client);
      if (past?.isPlaying !== true || past.atMs !== told.current || asOf === undefined) return;
      if (Date.now() - asOf < PRESENT_MS) return onChange(undefined);
      setAtMs(asOf);
      const nowMs = performance.now();
      if (nowMs - writtenAtMs < ADDRESS_MS) return;
      writtenAtMs = nowMs;
      told.current = asOf;
      onChange({ ...past, atMs: asOf });
    }, MOMENT_MS);
    return () => clearInterval(timer);
  }, [client]);
}

function asOfIn<C extends ClientChannels>(client: ReplayClient<C> | undefined): number | undefined {
  return client?.connection.getSnapshot().asOf;
}
