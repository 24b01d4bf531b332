/**
 * Real faults: a server process that is killed or stopped, and a client that stops reading. In Node
 * and Chromium.
 */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { WebSocket } from "ws";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  createClient,
  type LiveView,
  type TidemarkClient,
  type WebSocketConstructor,
} from "../src/client/node.ts";
import { launchChromium } from "./support/launch-chromium.ts";

const assets = fileURLToPath(new URL("../dist/explorer", import.meta.url));
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

interface ProcessStats {
  readonly stats: {
    readonly buffered_bytes: number;
    readonly sessions: number;
    readonly backlog: number;
  };
  readonly rss: number;
}

class ServerProcess {
  readonly #child: ChildProcess;
  #nextId = 1;

  constructor() {
    this.#child = fork(
      fileURLToPath(new URL("./support/fault-server.ts", import.meta.url)),
      [assets],
      { execArgv: ["--import", "tsx", "--expose-gc"] },
    );
    stops.push(() => this.kill());
  }

  ask<T>(request: Record<string, unknown>): Promise<T> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      const onMessage = (answer: { id: number; value: T }): void => {
        if (answer.id !== id) return;
        this.#child.off("message", onMessage);
        resolve(answer.value);
      };
      this.#child.on("message", onMessage);
      this.#child.send({ ...request, id });
    });
  }

  async listen(port = 0): Promise<number> {
    return (await this.ask<{ port: number }>({ kind: "listen", port })).port;
  }

  write(price: number, count = 50, keys = 200): Promise<number> {
    return this.ask({ kind: "write", price, count, keys });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await ended;
  }
}

function clientOf(
  port: number,
  options: { WebSocket?: WebSocketConstructor } = {},
): { client: TidemarkClient; view: LiveView } {
  const client = createClient({
    url: `ws://localhost:${port}/v2/stream`,
    backoff: { firstMs: 50, delaysMs: [100, 200, 400, 800] },
    ...options,
  });
  stops.push(() => client.close());
  const view = client.live({ channel: "trades" });
  view.subscribe(() => {});
  return { client, view: view as LiveView };
}

/** The server's rows, over HTTP. */
async function truth(port: number): Promise<readonly (readonly [string, unknown])[]> {
  const { channels } = (await (
    await fetch(`http://localhost:${port}/v2/snapshot?channels=trades`)
  ).json()) as { channels: { trades: { rows: { id: string; price: number }[] } } };
  return channels.trades.rows
    .map(({ id, price }) => [id, price] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

const shown = (view: LiveView): readonly (readonly [string, unknown])[] =>
  view
    .getSnapshot()
    .rows.map((row) => [String(row["id"]), row["price"]] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));

async function isExact(view: LiveView, port: number): Promise<void> {
  await expect
    .poll(
      async () => {
        const rows = await truth(port);
        return (
          rows.length > 0 &&
          view.getSnapshot().status === "live" &&
          JSON.stringify(shown(view)) === JSON.stringify(rows)
        );
      },
      { timeout: 20_000 },
    )
    .toBe(true);
}

describe.skipIf(process.platform === "win32")("real faults", () => {
  let browser: Browser;
  beforeAll(async () => {
    if (!existsSync(assets)) throw new Error("The explorer is not built: npm run build");
    browser = await launchChromium();
  });
  afterAll(() => browser.close());

  const openPage = async (
    port: number,
  ): Promise<{ prices: () => Promise<readonly string[]>; status: () => Promise<string> }> => {
    const page = await browser.newPage();
    stops.push(() => page.close());
    await page.goto(`http://localhost:${port}/#/trades`);
    await page.locator(".grid-row[data-key]").first().waitFor();
    return {
      prices: () => page.locator(".grid-row[data-key] .cell:nth-child(2)").allInnerTexts(),
      status: () => page.locator("body").innerText(),
    };
  };

  it("after kill -9 and a restart, Node and Chromium show exactly the new rows", async () => {
    const first = new ServerProcess();
    const port = await first.listen();
    await first.write(1_000, 20, 20);
    const { view } = clientOf(port);
    await isExact(view, port);
    const page = await openPage(port);
    await first.kill();
    await expect.poll(() => view.getSnapshot().status).toBe("stale");
    expect(view.getSnapshot().rows.length).toBe(20);
    const second = new ServerProcess();
    await second.listen(port);
    await second.write(5_000, 10, 10);
    await isExact(view, port);
    await expect
      .poll(
        async () => (await page.prices()).map((text) => Number(text.replaceAll(/\D/g, ""))).sort(),
        { timeout: 20_000 },
      )
      .toEqual((await truth(port)).map(([, price]) => price).sort());
  });

  it(
    "during 30 s of SIGSTOP a view is stale, and exact afterwards",
    { timeout: 90_000 },
    async () => {
      const server = new ServerProcess();
      const port = await server.listen();
      await server.write(1_000);
      const { view, client } = clientOf(port);
      await isExact(view, port);
      server.signal("SIGSTOP");
      // The page notices the silence long before the connection counts as lost.
      await expect.poll(() => view.getSnapshot().status, { timeout: 8_000 }).toBe("stale");
      await new Promise((resolve) => setTimeout(resolve, 30_000));
      server.signal("SIGCONT");
      await server.write(9_000);
      await isExact(view, port);
      expect(client.connection.getSnapshot().drifts).toBe(0);
    },
  );

  it(
    "a client that stops reading costs the server under 256 KiB, stays connected, and catches up in one step",
    { timeout: 60_000 },
    async () => {
      const server = new ServerProcess();
      const port = await server.listen();
      await server.write(0, 2_000, 2_000);
      let socket: Socket | undefined;
      class Pausable extends WebSocket {
        constructor(url: string) {
          super(url);
          this.once("upgrade", (response) => {
            ({ socket } = response);
          });
        }
      }
      const slow = clientOf(port, { WebSocket: Pausable as unknown as WebSocketConstructor });
      const fast = clientOf(port);
      await isExact(slow.view, port);
      await isExact(fast.view, port);
      const connectedAs = JSON.stringify(slow.client.connection.getSnapshot().state);
      // 320 MB, in parts that take less time than the client waits for its heartbeat's answer.
      for (let part = 0; part < 4; part++) {
        socket?.pause();
        let most = 0;
        for (let round = 1; round <= 40; round++) {
          await server.write((part * 40 + round) * 10_000, 1_000, 2_000);
          most = Math.max(
            most,
            (await server.ask<ProcessStats>({ kind: "read" })).stats.buffered_bytes,
          );
        }
        expect(most).toBeLessThan(256 * 1_024);
        await isExact(fast.view, port);
        const before = slow.client.connection.getSnapshot().turns;
        socket?.resume();
        await isExact(slow.view, port);
        expect(JSON.stringify(slow.client.connection.getSnapshot().state)).toBe(connectedAs);
        expect(slow.client.connection.getSnapshot().turns - before).toBeLessThan(80);
      }
    },
  );
});
