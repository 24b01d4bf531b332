/** One request of low priority at a time; a row that a person waits for never waits behind it. */
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../std/manual-clock.ts";
import { systemClock } from "../../std/clock.ts";
import { HttpScheduler, type Fetch } from "./http-scheduler.ts";

interface Call {
  readonly url: string;
  readonly answer: () => void;
  readonly isAborted: () => boolean;
}

function scheduler(): { readonly http: HttpScheduler; readonly calls: Call[] } {
  const calls: Call[] = [];
  const fetch: Fetch = (url, { signal }) =>
    new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
      calls.push({
        url,
        answer: () => resolve(new Response(url)),
        isAborted: () => signal?.aborted === true,
      });
    });
  return { http: new HttpScheduler(fetch, systemClock), calls };
}

const settled = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

describe("the client's HTTP", () => {
  it("has one request of low priority in flight, in order", async () => {
    const { http, calls } = scheduler();
    const first = http.request("snapshot", "a");
    const second = http.request("poll", "b");
    expect(calls.map(({ url }) => url)).toEqual(["a"]);
    expect(http.pending).toEqual({ row: 0, snapshot: 1, poll: 1, up: 0 });
    calls[0]?.answer();
    expect(await (await first).text()).toBe("a");
    await settled();
    expect(calls.map(({ url }) => url)).toEqual(["a", "b"]);
    calls[1]?.answer();
    await second;
    expect(http.pending).toEqual({ row: 0, snapshot: 0, poll: 0, up: 0 });
  });

  it("sends a row request at once, aborts the low-priority one for it, and repeats that one afterwards", async () => {
    const { http, calls } = scheduler();
    const snapshot = http.request("snapshot", "slow");
    const detail = http.request("row", "row");
    expect(calls.map(({ url, isAborted }) => [url, isAborted()])).toEqual([
      ["slow", true],
      ["row", false],
    ]);
    calls[1]?.answer();
    expect(await (await detail).text()).toBe("row");
    await settled();
    expect(calls.map(({ url }) => url)).toEqual(["slow", "row", "slow"]);
    // A request is aborted only once: further row requests leave it alone, so that it completes.
    const another = http.request("row", "row 2");
    expect(calls[2]?.isAborted()).toBe(false);
    calls[3]?.answer();
    calls[2]?.answer();
    await Promise.all([another, snapshot]);
  });

  it("keeps the p99 of row requests while a snapshot hangs for 5 s", async () => {
    const latency = async (hasHanging: boolean): Promise<number> => {
      const clock = new ManualClock();
      const http = new HttpScheduler(
        (url, { signal }) =>
          new Promise((resolve, reject) => {
            signal?.addEventListener("abort", () =>
              reject(new DOMException("aborted", "AbortError")),
            );
            clock.after(url === "hanging" ? 5_000 : 3, () => resolve(new Response(url)));
          }),
        clock,
      );
      if (hasHanging) void http.request("snapshot", "hanging");
      const times: number[] = [];
      for (let index = 0; index < 100; index++) {
        const startMs = clock.monotonic();
        const detail = http
          .request("row", `row ${index}`)
          .then(() => times.push(clock.monotonic() - startMs));
        while (times.length <= index) {
          clock.advance(1);
          await settled();
        }
        await detail;
      }
      return times.sort((a, b) => a - b)[98] as number;
    };
    expect(await latency(true)).toBe(await latency(false));
  });

  it("gives up a row request that is never answered, so that polls continue", async () => {
    const clock = new ManualClock();
    const asked: string[] = [];
    const http = new HttpScheduler((url, { signal }) => {
      asked.push(url);
      return new Promise((_resolve, reject) =>
        signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError"))),
      );
    }, clock);
    const detail = http.request("row", "row");
    void http.request("poll", "poll").catch(() => {});
    expect(asked).toEqual(["row"]);
    clock.advance(10_001);
    await expect(detail).rejects.toThrow();
    await settled();
    expect(asked).toEqual(["row", "poll"]);
  });

  it("drops a request that its caller aborts, waiting or in flight", async () => {
    const { http, calls } = scheduler();
    const [first, second] = [new AbortController(), new AbortController()];
    const inFlight = http.request("poll", "a", {}, first.signal);
    const waiting = http.request("poll", "b", {}, second.signal);
    second.abort();
    await expect(waiting).rejects.toThrow();
    first.abort();
    await expect(inFlight).rejects.toThrow();
    expect(calls.map(({ url }) => url)).toEqual(["a"]);
    expect(http.pending.poll).toBe(0);
  });

  it("bounds how many requests wait", async () => {
    const { http } = scheduler();
    const requests = Array.from({ length: 20 }, (_, index) => http.request("poll", String(index)));
    for (const request of requests) request.catch(() => {});
    await expect(requests[1]).rejects.toThrow("too many requests wait");
  });
});
