/** The reports of a page: what they have, how often they are sent, and that they end. */
import { describe, expect, it } from "vitest";
import type { PageReport } from "../../protocol/page-report.ts";
import { ManualClock } from "../../std/manual-clock.ts";
import type { ConnectionState } from "../connection-state.ts";
import { HeapMeter } from "./heap-meter.ts";
import { immediately, type Pacing } from "./pacing.ts";
import { startTelemetry, type TelemetryOptions } from "./telemetry.ts";

type Ui = { onCommit: ((arrivedMs: number) => void) | undefined };

function started(
  status = (): number => 204,
  pacingOf = (clock: ManualClock): Pacing => ({
    next: (take) => void clock.after(1_000 / 60, () => take(clock.monotonic())),
    watchHidden: immediately.watchHidden,
  }),
) {
  const clock = new ManualClock();
  const ui: Ui = { onCommit: undefined };
  const sent: { readonly atMs: number; readonly route: string; readonly body: string }[] = [];
  const told: PageReport[] = [];
  const listeners = new Set<() => void>();
  let state: ConnectionState = { kind: "open", sinceMs: 0, attempt: 1 };
  const send: TelemetryOptions["requests"]["send"] = (route, _purpose, _signal, body = "") => {
    sent.push({ atMs: clock.monotonic(), route, body });
    return Promise.resolve({ status: status(), body: "" });
  };
  startTelemetry({
    clock,
    ui,
    requests: { send },
    onReport: (report) => told.push(report),
    connection: {
      getSnapshot: () => ({ state }),
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    pacing: pacingOf(clock),
  });
  const becomes = (next: ConnectionState): void => {
    state = next;
    for (const listener of listeners) listener();
  };
  /** Passes seconds, and lets answers come between them. */
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      clock.advance(1_000);
      for (let step = 0; step < 10; step++) await Promise.resolve();
    }
  };
  return { clock, ui, sent, told, becomes, pass };
}

describe("the reports of a page", () => {
  it("have what was measured since the last one, and go out each ten seconds", async () => {
    let listener: (isHidden: boolean) => void = () => {};
    const { clock, sent, told, ui, pass } = started(undefined, (given) => ({
      next: (take) => void given.after(1_000 / 60, () => take(given.monotonic())),
      watchHidden: (tell) => {
        listener = tell;
        tell(false);
        return () => {};
      },
    }));
    await pass(1);
    ui.onCommit?.(clock.monotonic() - 7);
    await pass(9);
    expect(sent.map(({ route }) => route)).toEqual(["/telemetry?session={session}"]);
    expect(JSON.parse(sent[0]?.body ?? "")).toEqual({
      visible: true,
      ui_render_drop_ratio: 0,
      ui_render_commit_ms: [7],
    });
    listener(true);
    await pass(20);
    expect(told.map(({ visible }) => visible)).toEqual([true, true, false]);
    expect(told[2]).toEqual({ visible: false });
    expect(sent.map(({ atMs }) => Math.round(atMs / 1_000))).toEqual([10, 20, 30]);
  });

  it("become rarer while the server refuses them, and are told all the same", async () => {
    let status = 404;
    const { sent, told, pass } = started(() => status);
    await pass(300);
    const at = sent.map(({ atMs }) => Math.round(atMs / 1_000));
    expect(at).toEqual([10, 30, 70, 150]);
    expect(told).toHaveLength(30);
    status = 204;
    await pass(40);
    expect(sent.map(({ atMs }) => Math.round(atMs / 1_000)).slice(4)).toEqual([310, 320, 330, 340]);
  });

  it("are not sent without a connection, and end with the client", async () => {
    const { clock, sent, told, ui, becomes, pass } = started();
    becomes({ kind: "idle" });
    await pass(20);
    expect([sent.length, told.length]).toEqual([0, 2]);
    becomes({ kind: "stopped" });
    await pass(1);
    expect(clock.pending).toBe(0);
    expect(ui.onCommit).toBeUndefined();
  });

  it("need frames", () => {
    const { clock, ui } = started(undefined, () => immediately);
    expect([clock.pending, ui.onCommit]).toEqual([0, undefined]);
  });
});

describe("the heap of a report", () => {
  const memory = { usedJSHeapSize: 20 * 1_048_576 };

  it("is that of page and worker where the browser measures it, once a minute", async () => {
    const clock = new ManualClock();
    let calls = 0;
    const heap = new HeapMeter(clock, {
      memory,
      measureUserAgentSpecificMemory: () => {
        calls++;
        return Promise.resolve({ bytes: 50 * 1_048_576 });
      },
    });
    expect(heap.read()).toEqual({ ui_heap_used_mb: 20, ui_heap_of: "page" });
    await Promise.resolve();
    clock.advance(59_000);
    expect(heap.read()).toEqual({ ui_heap_used_mb: 50, ui_heap_of: "page_and_worker" });
    expect(calls).toBe(1);
    clock.advance(1_000);
    heap.read();
    expect(calls).toBe(2);
  });

  it("is that of the page where the browser refuses to measure, and left out where it tells none", async () => {
    const clock = new ManualClock();
    const heap = new HeapMeter(clock, {
      memory,
      measureUserAgentSpecificMemory: () => Promise.reject(new Error("not isolated")),
    });
    heap.read();
    await Promise.resolve();
    expect(heap.read()).toEqual({ ui_heap_used_mb: 20, ui_heap_of: "page" });
    expect(new HeapMeter(clock, {}).read()).toEqual({});
  });
});
