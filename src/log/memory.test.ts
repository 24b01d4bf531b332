import { describe, expect, it } from "vitest";
import { TidemarkError } from "../std/errors.ts";
import { ManualClock } from "../std/manual-clock.ts";
import { seededRandom } from "../std/random.ts";
import { logConformance } from "./conformance.ts";
import type { CommitDraft } from "./log.ts";
import { MemoryLog, type LogBeginning } from "./memory.ts";

const random = seededRandom(1);
logConformance("memory", {
  create: ({ clock, limits }) => new MemoryLog({ clock, random, ...(limits && { limits }) }),
});

it("starts each time in an epoch of its own", () => {
  const clock = new ManualClock();
  expect(new MemoryLog({ clock, random }).epoch).not.toBe(new MemoryLog({ clock, random }).epoch);
});

describe("a log that continues above a history store", () => {
  const commit: CommitDraft = { changes: [], source: "s", sourcePosition: "8" };
  const expectation = { source: "s", sourcePosition: "7" };

  it("lets commits and readers wait until it begins, and continues the seqs, times and source positions", async () => {
    let begin: (beginning: LogBeginning) => void = () => {};
    const log = new MemoryLog({
      clock: new ManualClock(1_000),
      random,
      begin: new Promise((resolve) => (begin = resolve)),
    });
    const appended = log.append(commit, expectation);
    const opening = log.open(40);
    begin({ seq: 40, timeMs: 5_000, sourcePositions: [["s", "7"]] });
    expect(await appended).toBe(41);
    expect((await opening).read(10)).toMatchObject([{ seq: 41, timeMs: 5_000 }]);
    await expect(log.append(commit, expectation)).rejects.toMatchObject({ code: "SUPERSEDED" });
    await expect(log.open(39)).rejects.toMatchObject({ code: "LOG_TRIMMED" });
  });

  it("fails what waits, and what comes later, when the store can't be opened", async () => {
    const log = new MemoryLog({
      clock: new ManualClock(),
      random,
      begin: Promise.reject(new TidemarkError("HISTORY_UNAVAILABLE", "no store")),
    });
    const waiting = [log.append(commit), log.open(0)];
    for (const result of [...waiting, log.append(commit)])
      await expect(result).rejects.toMatchObject({ code: "HISTORY_UNAVAILABLE" });
  });
});
