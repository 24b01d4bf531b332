/**
 * Records the sessions with the library of a source tree: `npx tsx test/frames/record.ts [TREE]`
 * writes `protocol-N.json` beside this file, N being the version that the tree's server states. A
 * proxy between server and client, which are real, writes down what passes.
 */
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocket, WebSocketServer } from "ws";
import type * as Client from "../../src/client/node.ts";
import {
  bound,
  named,
  News,
  type Bindings,
  type Frame,
  type RecordedSession,
  type Step,
} from "./recording.ts";
import { serve, type Library } from "./served.ts";
import { SCRIPTS, type Script } from "./sessions.ts";

const tree = resolve(process.argv[2] ?? fileURLToPath(new URL("../..", import.meta.url)));
const library = (await import(`${tree}/src/index.ts`)) as typeof Library;
const { createClient } = (await import(`${tree}/src/client/node.ts`)) as typeof Client;
const { PROTOCOL_VERSION } = (await import(`${tree}/src/protocol/version.ts`)) as {
  readonly PROTOCOL_VERSION: number;
};

const QUIET_MS = 150;
const pause = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms));

async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !isSo(); waited += 5) {
    if (waited > 10_000) throw new Error(`never: ${what}`);
    await pause(5);
  }
}

/** Writes down frames as they pass, by name where they hold what differs from run to run. */
class Recorder {
  readonly steps: Step[] = [];
  readonly names = new Map<unknown, string>();
  readonly #counts = new Map<string, number>();
  #news = new News();
  lastMs = 0;

  add(step: Step): void {
    this.steps.push(step);
    this.lastMs = performance.now();
  }

  connected(): void {
    this.#news = new News();
    this.add({ connect: true });
  }

  up(frame: Frame): void {
    if (frame["op"] === "MUTATE" && !String(frame["mutation_id"]).startsWith("mutation-"))
      this.#name("mutation", frame["mutation_id"]);
    this.add({ up: named(frame, this.names) as Frame });
  }

  down(frame: Frame): void {
    if (!this.#news.isNew(frame)) return;
    if (frame["session_id"] !== undefined) this.#name("session", frame["session_id"]);
    if (frame["epoch"] !== undefined) this.#name("epoch", frame["epoch"]);
    if (frame["type"] === "SUBSCRIBED" && frame["view"] !== frame["channel"])
      this.#name("view", frame["view"]);
    this.add({ down: named(frame, this.names) as Frame });
  }

  bindings(): Bindings {
    return new Map([...this.names].map(([value, name]) => [name, value]));
  }

  async quiet(): Promise<void> {
    await until(() => performance.now() - this.lastMs > QUIET_MS, "quiet");
  }

  #name(kind: string, value: unknown): void {
    if (this.names.has(value)) return;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    this.names.set(value, `id_of_${kind}_${count}`);
  }
}

async function proxy(stream: string, recorder: Recorder) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  const sockets = new Set<WebSocket>();
  server.on("connection", (client) => {
    const upstream = new WebSocket(stream);
    const early: string[] = [];
    sockets.add(client);
    recorder.connected();
    client.on("message", (data) => {
      recorder.up(JSON.parse(String(data)) as Frame);
      if (upstream.readyState === WebSocket.OPEN) upstream.send(String(data));
      else early.push(String(data));
    });
    upstream.on("open", () => early.splice(0).forEach((text) => upstream.send(text)));
    upstream.on("message", (data) => {
      recorder.down(JSON.parse(String(data)) as Frame);
      client.send(String(data));
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("close", () => other.close());
      one.on("error", () => other.close());
    }
  });
  await new Promise((wake) => server.once("listening", wake));
  const { port } = server.address() as { readonly port: number };
  return {
    url: `ws://127.0.0.1:${port}/v2/stream`,
    cut: () => {
      for (const socket of sockets) socket.terminate();
      sockets.clear();
    },
    close: () => server.close(),
  };
}

async function record(script: Script): Promise<RecordedSession> {
  const recorder = new Recorder();
  const served = await serve(library, script);
  const between = await proxy(served.stream, recorder);
  const client = script.hasClient
    ? createClient({
        url: between.url,
        auth: { user: "ann" },
        lingerMs: 10,
        backoff: { firstMs: 50 },
        carriers: ["websocket"],
      })
    : undefined;
  const views = new Map<string, { readonly view: Client.LiveView; readonly stop: () => void }>();
  let raw: WebSocket | undefined;
  for (const step of script.steps) {
    recorder.lastMs = performance.now();
    if ("server" in step) {
      recorder.add(step);
      await served.act(step.server);
    } else if ("connect" in step) {
      raw = new WebSocket(between.url);
      await new Promise((wake) => raw?.once("message", wake));
    } else if ("cut" in step) {
      recorder.add(step);
      between.cut();
    } else if ("up" in step) raw?.send(JSON.stringify(bound(step.up, recorder.bindings())));
    else if ("digest" in step) {
      const { view } = views.get(step.digest) as { readonly view: Client.LiveView };
      const isDigest = (each: Step): boolean =>
        "down" in each &&
        each.down["digest"] !== undefined &&
        each.down["seq"] === view.getSnapshot().seq;
      await until(() => recorder.steps.some(isDigest), "a digest");
    } else if ("rows" in step) {
      const shown = step.rows.map((name) => [name, views.get(name)?.view.getSnapshot().rows]);
      recorder.add({ rows: Object.fromEntries(shown) as Record<string, readonly unknown[]> });
    } else if ("open" in step.client) {
      recorder.add(step);
      const view = client?.live(step.client.query as never) as Client.LiveView;
      views.set(step.client.open, { view, stop: view.subscribe(() => {}) });
    } else if ("close" in step.client) {
      recorder.add(step);
      views.get(step.client.close)?.stop();
    } else {
      recorder.add(step);
      const { mutate, input } = step.client;
      await (client as never as Mutator).mutate["trades"]?.[mutate]?.(input);
    }
    await recorder.quiet();
  }
  const steps = [...recorder.steps];
  client?.close();
  raw?.terminate();
  between.cut();
  between.close();
  await served.stop();
  const { name, hasClient, hasDigests } = script;
  return { name, hasClient, hasDigests, steps };
}

interface Mutator {
  readonly mutate: Readonly<
    Record<string, Readonly<Record<string, (input: object) => Promise<unknown>>>>
  >;
}

const sessions: RecordedSession[] = [];
for (const script of SCRIPTS) sessions.push(await record(script));
const file = fileURLToPath(new URL(`./protocol-${PROTOCOL_VERSION}.json`, import.meta.url));
const lines = sessions.map(
  ({ steps, ...session }) =>
    `${JSON.stringify(session).slice(0, -1)},"steps":[\n${steps.map((step) => JSON.stringify(step)).join(",\n")}\n]}`,
);
writeFileSync(file, `{"protocol":${PROTOCOL_VERSION},"sessions":[\n${lines.join(",\n")}\n]}\n`);
process.stdout.write(`${file}: ${sessions.length} sessions\n`);
process.exit(0);
