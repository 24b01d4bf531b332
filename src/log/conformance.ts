/** The suite that every log passes. Call it from a test file with a way to make an empty log. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../std/manual-clock.ts";
import type { LogLimits } from "./limits.ts";
import type { CommitDraft, Log, LogReader } from "./log.ts";

export interface LogUnderTest {
  readonly create: (options: { clock: ManualClock; limits?: Partial<LogLimits> }) => Log;
  /** Loses the newest commits of a log, if that can happen. */
  readonly loseTail?: (log: Log, commits: number) => void;
  /**
   * A log that other processes append to learns of their commits with a delay; this waits for it.
   */
  readonly settle?: (clock: ManualClock) => Promise<void>;
  /** False if the log is not bounded by the rows that readers have not acknowledged. */
  readonly boundsPendingRows?: boolean;
}

export function logConformance(
  name: string,
  { create, loseTail, settle = () => Promise.resolve(), boundsPendingRows = true }: LogUnderTest,
): void {
  const draft = (rows = 1, fields: Partial<CommitDraft> = {}): CommitDraft => ({
    changes: [
      {
        channel: "c",
        upserts: Array.from({ length: rows }, (_, index) => ({
          key: `k${index}`,
          row: { id: `k${index}` },
        })),
        removes: [],
      },
    ],
    ...fields,
  });
  const seqs = (reader: LogReader, countMax = 10): readonly number[] =>
    reader.read(countMax).map(({ seq }) => seq);
  const begin = async (options: { limits?: Partial<LogLimits> } = {}) => {
    const clock = new ManualClock(1_000);
    const log = create({ clock, ...options });
    const open = async (after: number): Promise<LogReader> => {
      const opening = log.open(after);
      opening.catch(() => {});
      await settle(clock);
      return opening;
    };
    const append = async (...appends: Parameters<Log["append"]>): Promise<number> => {
      const seq = await log.append(...appends);
      await settle(clock);
      return seq;
    };
    return { clock, log, open, append };
  };

  describe(`${name} as a log`, () => {
    it("gives seqs from 1 without a gap and returns commits in that order", async () => {
      const { log, open, clock } = await begin();
      const reader = await open(0);
      expect(
        await Promise.all([log.append(draft()), log.append(draft()), log.append(draft())]),
      ).toEqual([1, 2, 3]);
      await settle(clock);
      expect([reader.head, reader.epoch, seqs(reader), seqs(reader, 1)]).toEqual([
        3,
        log.epoch,
        [1, 2, 3],
        [1],
      ]);
    });

    it("returns the same commits until they are acknowledged, then the later ones", async () => {
      const { append, open } = await begin();
      const reader = await open(0);
      for (let index = 0; index < 3; index++) await append(draft());
      expect([seqs(reader, 2), seqs(reader, 2)]).toEqual([
        [1, 2],
        [1, 2],
      ]);
      reader.ack(2);
      expect(seqs(reader)).toEqual([3]);
      reader.ack(1);
      expect(seqs(reader)).toEqual([3]);
    });

    it("has readers that begin after a given seq, know all earlier commits, and read at their own pace", async () => {
      const { append, open } = await begin();
      const slow = await open(0);
      for (let index = 0; index < 4; index++) await append(draft());
      const late = await open(2);
      expect([late.head, seqs(late)]).toEqual([4, [3, 4]]);
      late.ack(4);
      expect(seqs(slow)).toEqual([1, 2, 3, 4]);
    });

    it("throws LOG_TRIMMED for trimmed commits, instead of leaving a gap", async () => {
      const { append, open } = await begin();
      const reader = await open(0);
      for (let index = 0; index < 4; index++) await append(draft());
      reader.ack(3);
      const again = await open(3).then(seqs);
      expect(again).toEqual([4]);
      const former = await open(0).then(seqs, (error: { code: string }) => error.code);
      // A log may also keep the commits: for a checkpoint, or because it had nothing to trim.
      expect([[1, 2, 3, 4], "LOG_TRIMMED"]).toContainEqual(former);
    });

    it("carries every field of a draft", async () => {
      const { append, open } = await begin();
      const reader = await open(0);
      const said: CommitDraft = draft(1, {
        source: "s",
        sourcePosition: "p1",
        asOfMs: 5,
        drops: ["old"],
        status: [{ channels: ["c"], status: { status: "stale", reason: "why" } }],
        declares: [
          {
            name: "c",
            key: ["id"],
            columns: [{ name: "id", type: "text" }],
            bounds: { rowsMax: 1, bytesMax: 2, ageMsMax: 3, tombstonesMax: 4 },
          },
        ],
      });
      await append(said);
      expect(reader.read(1)).toMatchObject([{ ...said, seq: 1 }]);
    });

    it("carries commit times that never fall, also when the clock does", async () => {
      const { clock, append, open } = await begin();
      const reader = await open(0);
      await append(draft());
      clock.advance(-500);
      await append(draft());
      clock.advance(900);
      await append(draft());
      const times = reader.read(10).map(({ timeMs }) => timeMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(times).toHaveLength(3);
    });

    it("takes an empty commit: a tick, or a mutation that changed nothing", async () => {
      const { append } = await begin();
      expect(await append({ changes: [] })).toBe(1);
    });

    it("refuses an appender whose expected source position is not the stored one: a second leader", async () => {
      const { append, open, log } = await begin();
      const reader = await open(0);
      await append(draft(1, { source: "s", sourcePosition: "p1" }), {
        source: "s",
        sourcePosition: undefined,
      });
      await expect(
        log.append(draft(1, { source: "s", sourcePosition: "p1b" }), {
          source: "s",
          sourcePosition: undefined,
        }),
      ).rejects.toMatchObject({ code: "SUPERSEDED", retryable: false });
      await append(draft(1, { source: "s", sourcePosition: "p2" }), {
        source: "s",
        sourcePosition: "p1",
      });
      await expect(
        log.append(draft(), { source: "s", sourcePosition: "p1" }),
      ).rejects.toMatchObject({
        code: "SUPERSEDED",
      });
      // A draft without a sourcePosition leaves it as it is, and each source has its own.
      await append(draft(1, { source: "s" }), { source: "s", sourcePosition: "p2" });
      await append(draft(1, { source: "t", sourcePosition: "q1" }), {
        source: "t",
        sourcePosition: undefined,
      });
      await append(draft(1, { source: "s", sourcePosition: "p3" }), {
        source: "s",
        sourcePosition: "p2",
      });
      expect(seqs(reader)).toEqual([1, 2, 3, 4, 5]);
    });

    it("calls listeners for new commits until they stop listening, and never after close", async () => {
      const { append, open } = await begin();
      const reader = await open(0);
      let calls = 0;
      const stop = reader.onAppend(() => calls++);
      await append(draft());
      expect(calls).toBe(1);
      stop();
      await append(draft());
      reader.onAppend(() => calls++);
      reader.close();
      await append(draft());
      expect(calls).toBe(1);
    });

    it("takes no commit and opens no reader when closed", async () => {
      const { log } = await begin();
      log.close();
      await expect(log.append(draft())).rejects.toMatchObject({ code: "STOPPED" });
      await expect(log.open(0)).rejects.toMatchObject({ code: "STOPPED" });
    });
  });

  describe.runIf(boundsPendingRows)(`${name} as a bounded log`, () => {
    it("makes appends wait for its slowest reader, and places them in order when there is room", async () => {
      const { log, open } = await begin({ limits: { pendingRowsMax: 20 } });
      const [slow, fast] = [await open(0), await open(0)];
      await log.append(draft(10));
      const waiting: string[] = [];
      const second = log.append(draft(15)).then((seq) => waiting.push(`second ${seq}`));
      const third = log.append(draft(1)).then((seq) => waiting.push(`third ${seq}`));
      fast.ack(1);
      await Promise.resolve();
      expect(waiting).toEqual([]);
      slow.ack(1);
      await Promise.all([second, third]);
      expect(waiting).toEqual(["second 2", "third 3"]);
    });

    it("does not wait for a reader that was closed", async () => {
      const { log, open } = await begin({ limits: { pendingRowsMax: 20 } });
      const [gone, reader] = [await open(0), await open(0)];
      await log.append(draft(15));
      const second = log.append(draft(15));
      reader.ack(1);
      gone.close();
      expect(await second).toBe(2);
    });

    it("checks an append's `expect` when it is placed, not when it began to wait", async () => {
      const { log, open } = await begin({ limits: { pendingRowsMax: 20 } });
      const reader = await open(0);
      await log.append(draft(15));
      const first = log.append(draft(10, { source: "s", sourcePosition: "p1" }), {
        source: "s",
        sourcePosition: undefined,
      });
      const second = log.append(draft(1, { source: "s", sourcePosition: "p2" }), {
        source: "s",
        sourcePosition: undefined,
      });
      const refused = expect(second).rejects.toMatchObject({ code: "SUPERSEDED" });
      reader.ack(1);
      expect(await first).toBe(2);
      await refused;
    });

    it("accepts one commit that is larger than its bound, alone", async () => {
      const { log } = await begin({ limits: { pendingRowsMax: 20 } });
      expect(await log.append(draft(100))).toBe(1);
    });

    it("refuses with LOG_FULL when too many wait, and with STOPPED when closed", async () => {
      const { log } = await begin({ limits: { pendingRowsMax: 5, waitersMax: 1 } });
      await log.append(draft(5));
      const waiting = log.append(draft(5));
      await expect(log.append(draft(5))).rejects.toMatchObject({
        code: "LOG_FULL",
        retryable: true,
      });
      log.close();
      await expect(waiting).rejects.toMatchObject({ code: "STOPPED" });
    });
  });

  describe.runIf(loseTail !== undefined)(`${name} when its tail is lost`, () => {
    it("is in another epoch, notifies its readers, and gives them no more commits", async () => {
      const { log, open, append, clock } = await begin();
      const reader = await open(0);
      for (let index = 0; index < 4; index++) await append(draft());
      const { epoch } = log;
      let lost = 0;
      reader.onLost(() => lost++);
      loseTail?.(log, 2);
      await settle(clock);
      expect([lost, log.epoch === epoch, reader.epoch]).toEqual([1, false, epoch]);
      expect(seqs(reader)).toEqual([]);
      const anew = await open(0);
      expect([anew.epoch, seqs(anew), await append(draft())]).toEqual([log.epoch, [1, 2], 3]);
    });
  });
}
