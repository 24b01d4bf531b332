/** A server with a scripted store that moves by a manual clock, for tests of its history. */
import { expect, onTestFinished } from "vitest";
import type { HistoryLimits } from "../../src/history/limits.ts";
import type { ScriptedStore } from "../../src/history/scripted-store.ts";
import { channel } from "../../src/server/channel.ts";
import { createTidemark } from "../../src/server/tidemark.ts";
import { ManualClock } from "../../src/std/manual-clock.ts";
import { silent } from "./silent.ts";

export interface Trade {
  id: string;
  price?: number;
}

export const tradesChannel = channel<Trade>({
  key: "id",
  bounds: { rowsMax: 3 },
  history: { maxRows: 5, maxDelayMs: 200 },
});

/** A server over a scripted store, on a manual clock. `other` has the defaults. */
export function serverWith(
  store: ScriptedStore,
  { clock = new ManualClock(), limits = {} as Partial<HistoryLimits> } = {},
) {
  const tidemark = createTidemark({
    channels: { trades: tradesChannel, other: channel<Trade>({ key: "id" }) },
    history: store,
    limits: { history: limits },
    clock,
    logger: silent,
  });
  onTestFinished(() => driven(clock, tidemark.stop()));
  const rows = tidemark.channel("trades");
  const statusOf = (name: string): string =>
    (tidemark.stats()["channels"] as { channel: string; status: string }[]).find(
      (each) => each.channel === name,
    )?.status ?? "";
  return { clock, tidemark, trades: rows, other: tidemark.channel("other"), statusOf };
}

/** Waits for a promise that needs time to pass. */
export async function driven<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let isDone = false;
  const done = promise.finally(() => (isDone = true));
  done.catch(() => {});
  await until(clock, () => isDone);
  return done;
}

/** Lets promises, and reads and writes of files, go on, and moves the clock. */
export async function until(
  clock: ManualClock,
  isDone: () => boolean | Promise<boolean>,
): Promise<void> {
  await expect
    .poll(
      async () => {
        clock.advance(50);
        return isDone();
      },
      { interval: 1 },
    )
    .toBe(true);
}

export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

export const ids = (from: number, to: number): Trade[] =>
  Array.from({ length: to - from + 1 }, (_, at) => ({ id: `t${from + at}` }));
export const keysIn = (store: ScriptedStore): readonly string[] =>
  store.entries.map(({ key }) => key);
