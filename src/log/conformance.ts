/** The suite that every log passes. Call it from a test file with a way to make an empty log. */
import { describe, expect, it } from "vitest";
import type { Clock } from "../std/clock.ts";
import { ManualClock } from "../std/manual-clock.ts";
import type { LogLimits } from "./limits.ts";
import type { CommitDraft, Log } from "./log.ts";

export function logConformance(name: string, create: (options: { clock: Clock; limits?: Partial<LogLimits> }) => Log): void {
  const draft = (rows = 1): CommitDraft => ({
    changes: [{ channel: "c", upserts: Array.from({ length: rows }, (_, index) => ({ key: `k${index}`, row: { id: `k${index}` } })), removes: [] }],
  });

  describe(`${name} as a log`, () => {
    it("gives seqs from 1 without a hole and hands commits out in that order", async () => {
      const log = create({ clock: new ManualClock() });
      const seqs = await Promise.all([log.append(draft()), log.append(draft()), log.append(draft())]);
      expect(seqs).toEqual([1, 2, 3]);
      expect(log.head).toBe(3);
      expect(log.read(0, 10).map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect(log.read(1, 1).map(({ seq }) => seq)).toEqual([2]);
    });

    it("carries commit times that never fall, also when the clock does", async () => {
      const clock = new ManualClock(1_000);
      const log = create({ clock });
      await log.append(draft());
      clock.advance(-500);
      await log.append(draft());
      clock.advance(900);
      await log.append(draft());
      const times = log.read(0, 10).map(({ timeMs }) => timeMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    });

    it("forgets what was trimmed and nothing else", async () => {
      const log = create({ clock: new ManualClock() });
      for (let index = 0; index < 4; index++) await log.append(draft());
      log.trim(2);
      expect(log.read(0, 10).map(({ seq }) => seq)).toEqual([3, 4]);
    });

    it("takes an empty commit: a tick, or a mutation that changed nothing", async () => {
      const log = create({ clock: new ManualClock() });
      expect(await log.append({ changes: [] })).toBe(1);
    });

    it("makes appends wait when full, and places them in order when there is room", async () => {
      const log = create({ clock: new ManualClock(), limits: { pendingRowsMax: 20 } });
      await log.append(draft(10));
      const waiting: string[] = [];
      const second = log.append(draft(15)).then((seq) => waiting.push(`second ${seq}`));
      const third = log.append(draft(1)).then((seq) => waiting.push(`third ${seq}`));
      await Promise.resolve();
      expect(waiting).toEqual([]);
      log.trim(1);
      await Promise.all([second, third]);
      expect(waiting).toEqual(["second 2", "third 3"]);
    });

    it("takes one commit that is larger than its bound, alone", async () => {
      const log = create({ clock: new ManualClock(), limits: { pendingRowsMax: 20 } });
      expect(await log.append(draft(100))).toBe(1);
    });

    it("refuses with LOG_FULL when too many wait, and with STOPPED when closed", async () => {
      const log = create({ clock: new ManualClock(), limits: { pendingRowsMax: 5, waitersMax: 1 } });
      await log.append(draft(5));
      const waiting = log.append(draft(5));
      await expect(log.append(draft(5))).rejects.toMatchObject({ code: "LOG_FULL", retryable: true });
      log.close();
      await expect(waiting).rejects.toMatchObject({ code: "STOPPED" });
      await expect(log.append(draft())).rejects.toMatchObject({ code: "STOPPED" });
    });

    it("tells listeners of each append until they stop listening", async () => {
      const log = create({ clock: new ManualClock() });
      let calls = 0;
      const stop = log.onAppend(() => calls++);
      await log.append(draft());
      stop();
      await log.append(draft());
      expect(calls).toBe(1);
    });
  });
}
