/** What waits for the store, over a spill on disk. */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ManualClock } from "../std/manual-clock.ts";
import { HISTORY_LIMITS } from "./limits.ts";
import { Pending } from "./pending.ts";
import { Spill } from "./spill.ts";
import type { HistoryEntry } from "./history.ts";
import type { HistoryStep } from "./step.ts";

let folder = "";
let spill: Spill;
let pending: Pending;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidemark-pending-"));
  const clock = new ManualClock();
  const onFailure = (): void => {};
  spill = new Spill({ path: join(folder, "spill"), bytesMax: 1e9, clock, onFailure });
  pending = new Pending({ ...HISTORY_LIMITS, pendingRowsMax: 2 }, spill);
});
afterEach(async () => {
  await spill.close();
  await rm(folder, { recursive: true });
});

function step(seq: number): HistoryStep {
  const entry = { channel: "t", kind: "remove", key: `k${seq}`, seq, timeMs: seq } as const;
  const nothing = { declares: [], sourcePositions: [], requestIds: [] };
  return { seq, timeMs: seq, entries: [entry], bytes: 10, ...nothing };
}

async function seqsOf(steps: AsyncIterable<HistoryStep>): Promise<readonly number[]> {
  const seqs: number[] = [];
  for await (const { seq } of steps) seqs.push(seq);
  return seqs;
}

const upTo = (seq: number): readonly number[] => Array.from({ length: seq }, (_, at) => at + 1);
const turn = (): Promise<unknown> => new Promise((resolve) => setImmediate(resolve));

it("is read, and given to the store, while rows arrive without a pause", async () => {
  let seq = 0;
  for (; seq < 20; seq++) pending.push(step(seq + 1));
  let stored = 0;
  const progress = { isDone: false };
  const reading = (async () => {
    const seqs = await seqsOf(pending.all());
    expect(seqs.slice(0, 20)).toEqual(upTo(20));
    while (stored < 20) {
      stored = (await pending.next()).at(-1)?.seq ?? stored;
      await pending.stored(stored);
    }
  })().finally(() => (progress.isDone = true));
  while (!progress.isDone) {
    pending.push(step(++seq));
    if (seq % 3 === 0) await turn();
  }
  await reading;
  expect(await seqsOf(pending.all())).toEqual(upTo(seq).slice(stored));
});

it("has nothing that the store holds, also when the store is faster than the disk", async () => {
  for (let seq = 1; seq <= 3; seq++) pending.push(step(seq));
  const taken = await pending.next();
  expect(taken.map(({ seq }) => seq)).toEqual([1, 2, 3]);
  await pending.stored(3);
  expect(await seqsOf(pending.all())).toEqual([]);
  await expect.poll(() => readdir(folder)).toEqual([]);
  for (let seq = 4; seq <= 6; seq++) pending.push(step(seq));
  expect(await seqsOf(pending.all())).toEqual([4, 5, 6]);
});

it("gives as much as a batch takes, though it is read in many slices", async () => {
  const text = "x".repeat(1_000);
  pending = new Pending(HISTORY_LIMITS, spill);
  for (let seq = 1; seq <= 3_000; seq++) {
    const [entry] = step(seq).entries;
    const upsert = { ...entry, kind: "upsert", row: { text }, json: JSON.stringify({ text }) };
    pending.push({ ...step(seq), entries: [upsert as HistoryEntry] });
    pending.spill();
  }
  const taken = await pending.next();
  expect(taken.map(({ seq }) => seq)).toEqual(upTo(3_000));
  await pending.stored(3_000);
  expect(pending.isEmpty).toBe(true);
});

it("ends to spill when little waits, and keeps the files until the store has what they have", async () => {
  pending = new Pending({ ...HISTORY_LIMITS, batchRowsMax: 4 }, spill);
  for (let seq = 1; seq <= 6; seq++) pending.push(step(seq));
  expect(pending.isSpilling).toBe(true);
  await expect.poll(() => pending.writtenSeq).toBe(6);
  await pending.stored(4);
  expect(pending.isSpilling).toBe(false);
  pending.push(step(7));
  await pending.stored(5);
  expect((await readdir(folder)).length).toBe(1);
  for (let seq = 8; seq <= 10; seq++) pending.push(step(seq));
  expect(pending.isSpilling).toBe(true);
  await expect.poll(() => pending.writtenSeq).toBe(10);
  expect(await seqsOf(spill.scan(5))).toEqual([6, 7, 8, 9, 10]);
  await pending.stored(10);
  expect(await readdir(folder)).toEqual([]);
});
