import { describe, expect, it } from "vitest";
import { DurableWaiters } from "./durable-waiters.ts";

describe("calls that wait until rows are stored", () => {
  it("are answered in any order of their seqs, or told that the writer has ended", async () => {
    const waiters = new DurableWaiters();
    const [third, first, last] = [3, 1, 9].map((seq) => waiters.wait(seq));
    waiters.settle(2);
    await first;
    expect(waiters.count).toBe(2);
    waiters.settle(3);
    await third;
    waiters.end(new Error("stopped"));
    await expect(last).rejects.toThrow("stopped");
    expect(waiters.count).toBe(0);
  });

  it("are forgotten when nobody waits for them any more", async () => {
    const waiters = new DurableWaiters();
    const patience = new AbortController();
    const given = Array.from({ length: 5 }, (_, seq) => waiters.wait(seq + 5, patience.signal));
    const answered = waiters.wait(1, patience.signal);
    waiters.settle(1);
    await answered;
    expect(waiters.count).toBe(5);
    patience.abort(new Error("too late"));
    for (const each of given) await expect(each).rejects.toThrow("too late");
    expect(waiters.count).toBe(0);
    await expect(waiters.wait(7, patience.signal)).rejects.toThrow("too late");
    expect(waiters.count).toBe(0);
  });
});
