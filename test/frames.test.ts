/**
 * Recorded sessions of every version that is spoken (V3): this server takes what a client of that
 * version sent and answers as its server did; this client takes what that server sent and shows the
 * recorded rows.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import * as client from "../src/client/node.ts";
import * as library from "../src/index.ts";
import { downFault } from "../src/protocol/check-down.ts";
import { checkUp } from "../src/protocol/parse-up.ts";
import { PROTOCOL_MIN, PROTOCOL_VERSION } from "../src/protocol/version.ts";
import { ManualClock } from "../src/std/manual-clock.ts";
import { seededRandom } from "../src/std/random.ts";
import {
  bound,
  difference,
  News,
  type Bindings,
  type Frame,
  type RecordedSession,
  type Recording,
  type Step,
} from "./frames/recording.ts";
import { serve } from "./frames/served.ts";
import { atEnd, stopAll } from "./support/trades-server.ts";
import { WireClient } from "./support/wire-client.ts";

afterEach(stopAll);

const VERSIONS = Array.from(
  { length: PROTOCOL_VERSION - PROTOCOL_MIN + 1 },
  (_, index) => PROTOCOL_MIN + index,
);
const recordingOf = (version: number): Recording =>
  JSON.parse(
    readFileSync(
      fileURLToPath(new URL(`./frames/protocol-${version}.json`, import.meta.url)),
      "utf8",
    ),
  ) as Recording;
const nameOf = ({ op, type }: Frame): string => String(type ?? op);

const UPS = "CREDIT, HEARTBEAT, IDENTIFY, MUTATE, RESUME, RESYNC, SUBSCRIBE, UNSUBSCRIBE";
const DOWNS =
  "CHANNEL_STATUS, DELTA_BATCH, ERROR, HEARTBEAT_ACK, HELLO, INVALID_SESSION, MUTATION_RESULT, " +
  "NOTICE, READY, RECONNECT, RESUMED, SNAPSHOT, SUBSCRIBED, WATERMARK";

/** Frames of which the order is told: those of one view, and those of one kind. */
function streamOf(frame: Frame): string {
  const { op, type, view, channel, id, index } = frame;
  if (type === "SUBSCRIBED") return `answer to ${String(id)}, ${String(index)}`;
  return op === "DISPATCH" && type !== "CHANNEL_STATUS"
    ? String(view ?? channel ?? type)
    : nameOf(frame);
}

/**
 * What a server sends to one connection, told by stream. Watermarks count by the last one alone.
 */
class Heard {
  readonly #wire: WireClient;
  readonly #news = new News();
  readonly #streams = new Map<string, Frame[]>();
  /** By stream, the keys of the rows that the recorded client had been sent. */
  readonly #keys = new Map<string, Set<string>>();
  #read = 0;
  watermark: Frame = {};

  constructor(wire: WireClient) {
    this.#wire = wire;
  }

  take(): void {
    for (const frame of this.#wire.frames.slice(this.#read)) {
      this.#read++;
      if (frame["type"] === "WATERMARK") this.watermark = frame;
      else if (this.#news.isNew(frame)) this.of(streamOf(frame)).push(frame);
    }
  }

  of(stream: string): Frame[] {
    const frames = this.#streams.get(stream) ?? [];
    this.#streams.set(stream, frames);
    return frames;
  }

  /**
   * The stream's next frame, and the recorded one without the removes that this server left out
   * of rows that the client never had.
   */
  next(stream: string, recorded: Frame): readonly [recorded: Frame, actual: Frame | undefined] {
    const keys = this.#keys.get(stream) ?? new Set();
    this.#keys.set(stream, keys);
    const actual = this.of(stream).shift();
    const wanted = new Set([...keys, ...(patchOf(actual)?.remove ?? [])]);
    for (const row of rowsOf(recorded)) keys.add(String(row["id"]));
    return [withRemovesOf(wanted, recorded), actual];
  }

  get left(): readonly Frame[] {
    return [...this.#streams.values()].flat();
  }
}

interface Patch {
  readonly upsert: readonly Frame[];
  readonly remove: readonly string[];
}

const patchOf = (frame: Frame | undefined): Patch | undefined =>
  frame?.["patch"] as Patch | undefined;

function rowsOf(frame: Frame): readonly Frame[] {
  const { rows } = frame;
  return Array.isArray(rows) ? (rows as Frame[]) : (patchOf(frame)?.upsert ?? []);
}

function withRemovesOf(keys: ReadonlySet<string>, frame: Frame): Frame {
  const patch = patchOf(frame);
  if (patch === undefined) return frame;
  return { ...frame, patch: { ...patch, remove: patch.remove.filter((key) => keys.has(key)) } };
}

/** Frames down that follow each other, with nothing done between. */
function phasesOf(steps: readonly Step[]): readonly (Step | readonly Frame[])[] {
  const phases: (Step | Frame[])[] = [];
  for (const step of steps) {
    const last = phases.at(-1);
    if (!("down" in step)) phases.push(step);
    else if (Array.isArray(last)) last.push(step.down);
    else phases.push([step.down]);
  }
  return phases;
}

async function replayOnServer({ steps, ...options }: RecordedSession): Promise<void> {
  const served = await serve(library, options);
  atEnd(() => served.stop());
  const bindings: Bindings = new Map();
  let wire: WireClient | undefined;
  let heard: Heard | undefined;
  for (const phase of phasesOf(steps)) {
    if (Array.isArray(phase)) await answered(phase as readonly Frame[], heard as Heard, bindings);
    else if ("server" in phase) await served.act(phase.server);
    else if ("up" in phase) wire?.send(bound(phase.up, bindings));
    else if ("cut" in phase) wire?.close();
    else if ("connect" in phase) {
      expect(heard?.left ?? []).toEqual([]);
      wire = new WireClient(served.stream);
      atEnd(() => wire?.close());
      heard = new Heard(wire);
    }
  }
  expect(heard?.left).toEqual([]);
}

/** Waits for each recorded frame, stream by stream, and for the last of the watermarks. */
async function answered(frames: readonly Frame[], heard: Heard, bindings: Bindings): Promise<void> {
  for (const frame of frames) {
    if (frame["type"] === "WATERMARK") continue;
    const stream = streamOf(bound(frame, bindings) as Frame);
    await expect
      .poll(() => (heard.take(), heard.of(stream).length), {
        message: JSON.stringify(frame),
        interval: 2,
      })
      .toBeGreaterThan(0);
    const [recorded, actual] = heard.next(stream, frame);
    expect(difference(recorded, actual, bindings), JSON.stringify(frame)).toBeUndefined();
  }
  const last = frames.findLast(({ type }) => type === "WATERMARK");
  if (last !== undefined)
    await expect
      .poll(() => (heard.take(), difference(last, heard.watermark, bindings)), { interval: 2 })
      .toBeUndefined();
}

class RecordedSocket implements client.WebSocketLike {
  static opened: RecordedSocket[] = [];
  onopen: client.WebSocketLike["onopen"] = null;
  onmessage: client.WebSocketLike["onmessage"] = null;
  onclose: client.WebSocketLike["onclose"] = null;
  onerror: client.WebSocketLike["onerror"] = null;
  readonly said: Frame[] = [];

  constructor() {
    RecordedSocket.opened.push(this);
  }

  send(text: string): void {
    const frame = JSON.parse(text) as Frame;
    if (!isPaced(frame)) this.said.push(frame);
  }

  close(): void {}
}

/** What a client sends at moments of its own. */
const isPaced = ({ op }: Frame): boolean => op === "HEARTBEAT" || op === "CREDIT";

async function replayOnClient({ steps }: RecordedSession): Promise<void> {
  RecordedSocket.opened = [];
  const clock = new ManualClock();
  const bindings: Bindings = new Map();
  const page = client.createClient({
    url: "ws://recorded/v2/stream",
    auth: { user: "ann" },
    lingerMs: 10,
    WebSocket: RecordedSocket,
    fetch: () => Promise.reject(new Error("no network")),
    carriers: ["websocket"],
    clock,
    random: seededRandom(1),
  });
  atEnd(() => page.close());
  const views = new Map<string, { readonly view: client.LiveView; readonly stop: () => void }>();
  let socket: RecordedSocket | undefined;
  const until = async <T>(look: () => T | undefined, what: string): Promise<T> => {
    for (let round = 0; round < 200; round++) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise((wake) => setImmediate(wake));
      clock.advance(20);
    }
    throw new Error(`never: ${what}`);
  };
  for (const step of steps) {
    if ("connect" in step) {
      const next = await until(() => RecordedSocket.opened.shift(), "a connection");
      socket = next;
      next.onopen?.(undefined as never);
    } else if ("cut" in step) socket?.onclose?.({ code: 1006, reason: "" });
    else if ("down" in step) {
      socket?.onmessage?.({ data: JSON.stringify(bound(step.down, bindings)) });
      await new Promise((wake) => setImmediate(wake));
    } else if ("up" in step && !isPaced(step.up)) {
      const said = await until(() => socket?.said.shift(), JSON.stringify(step.up));
      expect(difference(step.up, said, bindings), JSON.stringify(said)).toBeUndefined();
    } else if ("client" in step && "open" in step.client) {
      const view = page.live(step.client.query as { readonly channel: string });
      views.set(step.client.open, { view, stop: view.subscribe(() => {}) });
    } else if ("client" in step && "close" in step.client) views.get(step.client.close)?.stop();
    else if ("client" in step && "mutate" in step.client)
      void mutateOf(page)["trades"]?.[step.client.mutate]?.(step.client.input);
    else if ("rows" in step)
      for (const [name, rows] of Object.entries(step.rows))
        expect(views.get(name)?.view.getSnapshot().rows, name).toEqual(rows);
  }
  expect(socket?.said).toEqual([]);
  expect(page.connection.getSnapshot()).toMatchObject({ gaps: 0, drifts: 0 });
}

type Mutate = Readonly<Record<string, Readonly<Record<string, (input: object) => unknown>>>>;
const mutateOf = (page: object): Mutate => (page as { readonly mutate: Mutate }).mutate;

describe.each(VERSIONS)("frames of protocol %i", (version) => {
  const { protocol, sessions } = recordingOf(version);
  const steps = sessions.flatMap((session) => session.steps);
  const framesOf = (direction: "up" | "down"): readonly Frame[] =>
    steps.flatMap((step) => (direction in step ? [(step as never)[direction] as Frame] : []));

  it("are of every kind, in both directions", () => {
    expect(protocol).toBe(version);
    const kinds = (direction: "up" | "down"): string =>
      [...new Set(framesOf(direction).map(nameOf))]
        .filter((name) => name !== "NONSENSE" && name !== "DIGEST")
        .sort()
        .join(", ");
    expect([kinds("up"), kinds("down")]).toEqual([UPS, DOWNS]);
    const downs = framesOf("down");
    expect(downs.some(({ digest }) => digest !== undefined)).toBe(true);
    expect(downs.some(({ more, type }) => type === "DELTA_BATCH" && more === true)).toBe(true);
    expect(downs.some(({ code }) => code === "RESET")).toBe(true);
    expect(downs.some(({ code }) => code === "SLOW_CONSUMER")).toBe(true);
  });

  it("are as the schemas say", () => {
    for (const frame of framesOf("up"))
      if (frame["op"] !== "NONSENSE") expect(() => checkUp(frame)).not.toThrow();
    for (const frame of framesOf("down")) expect(downFault(frame)).toBeUndefined();
  });

  it.each(sessions)("are taken and answered by this server: $name", replayOnServer, 30_000);

  it.each(sessions.filter(({ hasClient }) => hasClient))(
    "are taken and answered by this client: $name",
    replayOnClient,
  );
});
