import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  rmdir,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../std/manual-clock.ts";
import { HISTORY_LIMITS } from "./limits.ts";
import { Pending } from "./pending.ts";
import { Spill } from "./spill.ts";
import type { HistoryStep } from "./step.ts";

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidemark-spill-"));
});
afterEach(() => rm(folder, { recursive: true }));

function stepAt(seq: number, text = ""): HistoryStep {
  const row = { id: `t${seq}`, text };
  const json = JSON.stringify(row);
  const entry = { channel: "trades", kind: "upsert" as const, key: row.id, seq, timeMs: seq };
  return {
    seq,
    timeMs: seq,
    declares: [],
    entries: [{ ...entry, row, json }],
    sourcePositions: [],
    requestIds: [],
    bytes: json.length,
  };
}

function spillIn(path: string, bytesMax = 1_000_000) {
  const failures: unknown[] = [];
  const clock = new ManualClock();
  const spill = new Spill({ path, bytesMax, clock, onFailure: (error) => failures.push(error) });
  return { clock, failures, spill };
}

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at);
async function seqsOf(steps: AsyncIterable<HistoryStep>): Promise<readonly number[]> {
  const seqs: number[] = [];
  for await (const { seq } of steps) seqs.push(seq);
  return seqs;
}
async function readAll(spill: Spill): Promise<readonly number[]> {
  const seqs: number[] = [];
  for (;;) {
    const read = await spill.read();
    if (read.length === 0) return seqs;
    seqs.push(...read.map(({ seq }) => seq));
  }
}

/** Closes it. Returns how often its writes have left the event loop to others. */
async function pausesToClose(spill: Spill, clock: ManualClock): Promise<number> {
  let isClosed = false;
  let pauses = 0;
  const closed = spill.close().then(() => (isClosed = true));
  await expect
    .poll(
      () => {
        pauses += clock.pending;
        clock.advance(0);
        return isClosed;
      },
      { interval: 1 },
    )
    .toBe(true);
  await closed;
  return pauses;
}

describe("the spill", () => {
  it("packs a step of many rows in slices, between which the event loop runs", async () => {
    const [small] = stepAt(1).entries;
    const entries = Array.from({ length: 40_000 }, (_, at) => ({ ...small, key: `t${at}` }));
    const step = { ...stepAt(1, "x".repeat(50)), entries } as HistoryStep;
    const { clock, failures, spill } = spillIn(join(folder, "spill"), 64 * 1024 * 1024);
    spill.append(step);
    expect(await pausesToClose(spill, clock)).toBeGreaterThan(5);
    expect(await spill.read()).toEqual([step]);
    expect(failures).toEqual([]);
  });

  it("has the steps that its disk does not take, and writes them when the disk does", async () => {
    const path = join(folder, "missing", "spill");
    const { clock, failures, spill } = spillIn(path);
    for (const seq of range(1, 20)) spill.append(stepAt(seq));
    await expect.poll(() => failures.length).toBe(1);
    expect(spill.isFull).toBe(true);
    for (const seq of range(21, 40)) spill.append(stepAt(seq));
    expect(clock.pending).toBe(1);
    expect(await seqsOf(spill.scan(5))).toEqual(range(6, 40));
    expect(await readAll(spill)).toEqual(range(1, 40));
    await mkdir(join(folder, "missing"));
    clock.advance(1_000);
    await expect.poll(() => spill.isFull).toBe(false);
    await spill.close();
    expect(await seqsOf(spillIn(path).spill.leftover(0))).toEqual(range(1, 40));
  });

  it("tries to write once more when it is closed while its disk fails", async () => {
    const path = join(folder, "missing", "spill");
    const { failures, spill } = spillIn(path);
    spill.append(stepAt(1));
    await expect.poll(() => failures.length).toBe(1);
    await mkdir(join(folder, "missing"));
    await spill.close();
    expect(await seqsOf(spillIn(path).spill.leftover(0))).toEqual([1]);
  });

  it("makes the lines of its files between two writes, and not when it takes a step", async () => {
    const { spill } = spillIn(join(folder, "spill"));
    let made = 0;
    for (const seq of range(1, 5_000)) {
      const step = stepAt(seq, "x".repeat(1_000));
      const [entry] = step.entries as [HistoryStep["entries"][0]];
      const toJSON = (): string => (made++, entry.json ?? "");
      spill.append({ ...step, entries: [{ ...entry, json: { toJSON } as unknown as string }] });
    }
    await Promise.resolve();
    expect(made).toBeLessThan(500);
    await spill.close();
    expect(made).toBeGreaterThanOrEqual(5_000);
  });

  it("finishes a scan although the segments in it are released meanwhile", async () => {
    const { spill } = spillIn(join(folder, "spill"), 4_000);
    for (const seq of range(1, 40)) spill.append(stepAt(seq));
    await spill.close();
    const files = await readdir(folder);
    expect(files.length).toBeGreaterThan(3);
    const scan = spill.scan(0);
    const found = [(await scan.next()).value as HistoryStep];
    await spill.release(39);
    for (const seq of range(41, 60)) spill.append(stepAt(seq));
    for await (const step of scan) found.push(step);
    expect(found.map(({ seq }) => seq)).toEqual(range(1, 40));
    await spill.close();
    const left = await readdir(folder);
    expect(files.filter((file) => left.includes(file))).toHaveLength(1);
  });

  it("reads an earlier process's steps up to what was not written whole, and reports damage", async () => {
    const { spill } = spillIn(join(folder, "spill"), 4_000);
    for (const seq of range(1, 40)) spill.append(stepAt(seq));
    await spill.close();
    const files = (await readdir(folder)).sort();
    const last = join(folder, files.at(-1) as string);
    const { length } = await readFile(last);
    await truncate(last, length - 3);
    const second = spillIn(join(folder, "spill"));
    expect(await seqsOf(second.spill.leftover(10))).toEqual(range(11, 39));
    expect(second.failures).toEqual([]);
    await writeFile(join(folder, files[1] as string), Buffer.alloc(500));
    const third = spillIn(join(folder, "spill"));
    const before = await seqsOf(third.spill.leftover(0));
    expect(before).toEqual(range(1, before.length));
    expect(before.length).toBeLessThan(15);
    expect(String(third.failures)).toContain("is damaged");
  });

  it("reads lines that are longer than what is read at once", async () => {
    const { clock, spill } = spillIn(join(folder, "spill"), 20_000_000);
    for (const seq of range(1, 4)) spill.append(stepAt(seq, "ä".repeat(seq * 200_000)));
    expect(await pausesToClose(spill, clock)).toBeGreaterThan(2);
    const texts: unknown[] = [];
    for await (const { entries } of spill.scan(0)) texts.push(entries[0]?.row?.["text"]);
    expect(texts).toEqual(range(1, 4).map((seq) => "ä".repeat(seq * 200_000)));
  });
});

type Action =
  | { readonly push: number }
  | { readonly store: number }
  | "spill"
  | "scan"
  | "wait"
  | "break"
  | "mend";

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 4, arbitrary: fc.record({ store: fc.integer({ min: 1, max: 6 }) }) },
  ...(["spill", "scan", "wait", "break", "mend"] as const).map((each) => ({
    weight: 1,
    arbitrary: fc.constant(each),
  })),
);

/** Folders where the next segments would be: none can be made. */
async function obstacles(path: string, change: (path: string) => Promise<unknown>): Promise<void> {
  for (const number of range(0, 60))
    await change(`${path}.${String(number).padStart(8, "0")}`).catch(() => {});
}

describe("what waits for the store", () => {
  it("is given out whole although it is stored meanwhile", async () => {
    const pending = new Pending(HISTORY_LIMITS, undefined);
    for (const seq of range(1, 10)) pending.push(stepAt(seq));
    const found: number[] = [];
    for await (const { seq } of pending.all()) {
      found.push(seq);
      await pending.stored(seq);
    }
    expect(found).toEqual(range(1, 10));
  });

  it("leaves no file when the store has everything before it is written", async () => {
    const { spill } = spillIn(join(folder, "spill"));
    const pending = new Pending(HISTORY_LIMITS, spill);
    for (const seq of range(1, 10)) pending.push(stepAt(seq));
    pending.spill();
    await pending.stored(10);
    expect([pending.isEmpty, pending.spillBytes]).toEqual([true, 0]);
    pending.push(stepAt(11));
    pending.spill();
    await spill.close();
    expect(await seqsOf(pending.all())).toEqual([11]);
    expect(await seqsOf(spillIn(join(folder, "spill")).spill.leftover(0))).toEqual([11]);
  });

  it("comes in order, once and whole, whatever the disk does", { timeout: 60_000 }, () =>
    fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 10, maxLength: 40 }), async (actions) => {
        const files = await mkdtemp(join(folder, "run-"));
        const { clock, spill } = spillIn(join(files, "spill"), 2_000);
        const limits = { ...HISTORY_LIMITS, pendingRowsMax: 5, batchRowsMax: 3 };
        const pending = new Pending(limits, spill);
        let [pushed, stored] = [0, 0];
        const check = async (): Promise<void> => {
          const through = pushed;
          expect(await seqsOf(pending.all())).toEqual(range(stored + 1, through));
        };
        const store = async (): Promise<void> => {
          const steps = await pending.next();
          expect(steps.map(({ seq }) => seq)).toEqual(range(stored + 1, stored + steps.length));
          if (steps.length === 0) return;
          stored += steps.length;
          await pending.stored(stored);
        };
        for (const each of actions) {
          if (each === "spill") pending.spill();
          else if (each === "scan") await check();
          else if (each === "wait") await new Promise((resolve) => setImmediate(resolve));
          else if (each === "break") await obstacles(join(files, "spill"), mkdir);
          else if (each === "mend") {
            await obstacles(join(files, "spill"), rmdir);
            clock.advance(1_000);
          } else if ("push" in each)
            for (let count = 0; count < each.push; count++) pending.push(stepAt(++pushed));
          else for (let count = 0; count < each.store; count++) await store();
        }
        await check();
        while (!pending.isEmpty) await store();
        expect(stored).toBe(pushed);
        await obstacles(join(files, "spill"), rmdir);
        await spill.close();
        expect(await readdir(files)).toEqual([]);
      }),
      { numRuns: 30 },
    ),
  );
});
