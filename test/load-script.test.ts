/**
 * The script for k6, run by stubs of k6's modules against the heatmap's server. k6 itself is not
 * needed here: it runs the same text.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, expect, it, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { createHeatmap } from "../examples/heatmap/server.ts";
import { atEnd, stopAll } from "./support/trades-server.ts";

afterEach(stopAll);

const script = fileURLToPath(new URL("load/ws_load_test.js", import.meta.url));

interface Script {
  readonly options: {
    readonly scenarios: Readonly<Record<string, { readonly vus: number }>>;
    readonly thresholds: Readonly<Record<string, readonly string[]>>;
  };
  readonly default: () => void;
}

interface Timer {
  readonly run: () => void;
  readonly ms: number;
}

/** What the script reports, by the name of the metric or check. */
class Metrics {
  readonly values = new Map<string, unknown[]>();

  add(name: string, value: unknown): void {
    this.values.set(name, [...(this.values.get(name) ?? []), value]);
  }

  of(name: string): readonly unknown[] {
    return this.values.get(name) ?? [];
  }
}

/** What the callbacks of `ws.connect` get. Its timers end when the test says so. */
class StubSocket {
  readonly #socket: WebSocket;
  readonly #timers: Timer[];

  constructor(url: string, timers: Timer[]) {
    this.#socket = new WebSocket(url);
    this.#timers = timers;
    atEnd(() => this.#socket.terminate());
  }

  on(event: string, callback: (text: string) => void): void {
    this.#socket.on(event, (data: unknown) => callback(String(data)));
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close();
  }

  setTimeout(run: () => void, ms: number): void {
    this.#timers.push({ run, ms });
  }

  setInterval(run: () => void, ms: number): void {
    this.#timers.push({ run, ms });
  }
}

/** Loads the script with stubs in place of k6's modules. */
async function load(
  environment: Readonly<Record<string, string>>,
  metrics: Metrics,
  timers: Timer[],
): Promise<Script> {
  class Metric {
    readonly #name: string;

    constructor(name: string) {
      this.#name = name;
    }

    add(value: unknown): void {
      metrics.add(this.#name, value);
    }
  }
  const modules: Readonly<Record<string, object>> = {
    k6: {
      check: (value: unknown, checks: Readonly<Record<string, (value: unknown) => boolean>>) => {
        for (const [name, isMet] of Object.entries(checks)) metrics.add(name, isMet(value));
      },
    },
    "k6/metrics": { Counter: Metric, Rate: Metric, Trend: Metric },
    "k6/ws": {
      default: {
        connect: (url: string, _options: object, use: (socket: StubSocket) => void) => {
          use(new StubSocket(url, timers));
          return { status: 101 };
        },
      },
    },
  };
  const folder = mkdtempSync(join(tmpdir(), "tidemark-load-script-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  Object.assign(globalThis, { k6Modules: modules, __ENV: environment, __VU: 6 });
  const text = readFileSync(script, "utf8")
    .replaceAll(
      /^import (\w+) from "(k6[\w/]*)";$/gm,
      (_line, name, from) => `const { default: ${name} } = globalThis.k6Modules["${from}"];`,
    )
    .replaceAll(
      /^import (\{.*\}) from "(k6[\w/]*)";$/gm,
      (_line, names, from) => `const ${names} = globalThis.k6Modules["${from}"];`,
    );
  const file = join(folder, "script.mjs");
  writeFileSync(file, text);
  return (await import(pathToFileURL(file).href)) as Script;
}

it(
  "the load script for k6 watches, measures and leaves, with the thresholds that it states",
  { timeout: 120_000 },
  async () => {
    const heatmap = await createHeatmap({
      port: 0,
      assets: tmpdir(),
      feed: { kind: "built-in", pastMs: 60_000, rowsPerSecond: 100 },
      everyMs: 200,
      logLevel: "silent",
    });
    atEnd(() => heatmap.stop());
    const url = `${heatmap.url.replace("http", "ws")}/ws/heatmap`;
    const metrics = new Metrics();
    const timers: Timer[] = [];
    const environment = { URL: url, CLIENTS: "6", MINUTES: "1", EVERY: "0.2" };
    const { options, default: viewer } = await load(environment, metrics, timers);
    expect(options.scenarios["viewers"]?.vus).toBe(6);
    expect(options.thresholds).toMatchObject({
      update_lateness: ["p(95)<500"],
      round_trip: ["p(95)<500"],
      update_drops: ["rate<0.001"],
      connection_drops: ["rate<0.001"],
    });
    viewer();
    const due = async (ms: number): Promise<void> => {
      const timer = (): Timer | undefined => timers.find((each) => each.ms === ms);
      await expect.poll(timer, { timeout: 60_000 }).toBeDefined();
      timer()?.run();
    };
    await due(1);
    await expect
      .poll(() => metrics.of("update_drops").length, { timeout: 60_000 })
      .toBeGreaterThan(1);
    await due(10_000);
    await expect.poll(() => metrics.of("round_trip"), { timeout: 60_000 }).toHaveLength(1);
    await due(60_000);
    await expect.poll(() => metrics.of("connection_drops"), { timeout: 60_000 }).toEqual([false]);
    expect(metrics.of("connected")).toEqual([true]);
    expect(metrics.of("had a heatmap")).toEqual([true]);
    expect(metrics.of("no error")).toEqual([]);
    expect(metrics.of("first_heatmap")).toHaveLength(1);
    expect(metrics.of("received_bytes").length).toBeGreaterThan(1);
  },
);
