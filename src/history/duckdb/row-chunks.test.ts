/** How much of the processor the rows of a batch get beside other work, on a told clock. */
import * as driver from "@duckdb/node-api";
import { expect, it } from "vitest";
import { declareChannel } from "../../log/channel.ts";
import type { Clock } from "../../std/clock.ts";
import type { Session } from "./database.ts";
import { layoutOf } from "./layout.ts";
import { appendEntries, type PlacedEntry } from "./row-chunks.ts";

const CHUNKS = 40;
const CHUNK_ROWS = 256;
const CHUNK_MS = 2;

/** Appends a batch; between two slices, other work takes so long. Milliseconds of both. */
async function append(turnMs: number): Promise<{ readonly own: number; readonly other: number }> {
  let [own, other] = [0, 0];
  const clock: Pick<Clock, "monotonic" | "soon"> = {
    monotonic: () => own + other,
    soon: (callback) => {
      other += turnMs;
      queueMicrotask(callback);
      return () => {};
    },
  };
  const appender = {
    appendDataChunk: () => (own += CHUNK_MS),
    flushSync: () => {},
    closeSync: () => {},
  };
  const session = { driver, appender: () => Promise.resolve(appender) };
  const layout = layoutOf(declareChannel({ name: "notes", key: ["id"] }), "notes");
  const entries = Array.from({ length: CHUNKS * CHUNK_ROWS }, (_, index): PlacedEntry => {
    return { kind: "remove", channel: "notes", key: String(index), seq: 1, place: 0, timeMs: 1 };
  });
  await appendEntries(session as unknown as Session, { layout, clock: clock as Clock }, entries);
  return { own, other };
}

it("gives a batch of rows its share of a busy loop, and lets others run each few milliseconds", async () => {
  const calm = await append(0.1);
  // Slices of 3 ms, in steps of 2.
  expect(calm.other / 0.1).toBeGreaterThanOrEqual(CHUNKS / 2 - 1);
  const busy = await append(20);
  expect(busy.own).toBe(CHUNKS * CHUNK_MS);
  // About as long as the others; in slices of 3 ms, a batch would have a sixth of the time.
  expect(busy.other).toBeLessThan(busy.own + 2 * 20);
});
