/**
 * `tidemark conformance ws://…`: the protocol's rules against any server, from outside. Each test is
 * named by the rules of PROTOCOL.md that it holds. It only reads; it needs one channel that it may see.
 */
import { WebSocket } from "ws";
import { delay, systemClock } from "../std/clock.ts";
import { messageOf } from "../std/errors.ts";

type Frame = Readonly<Record<string, unknown>>;

export interface ConformanceOptions {
  readonly url: string;
  readonly channel: string | undefined;
  readonly auth: unknown;
  /** How long an answer may take. */
  readonly timeoutMs: number;
  readonly print: (line: string) => void;
}

/** A client that says and hears literal frames. */
class Peer {
  readonly frames: Frame[] = [];
  readonly #socket: WebSocket;
  readonly #timeoutMs: number;
  closeCode: number | undefined;

  constructor(url: string, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#socket = new WebSocket(url);
    this.#socket.on("message", (data) => this.frames.push(JSON.parse(String(data)) as Frame));
    this.#socket.on("close", (code) => { this.closeCode = code; });
    this.#socket.on("error", () => {});
  }

  say(frame: unknown): void {
    this.#socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  async hear(fields: Frame, from = 0): Promise<Frame> {
    const isIt = (frame: Frame): boolean => Object.entries(fields).every(([name, value]) => frame[name] === value);
    return eventually(() => this.frames.slice(from).find(isIt), `no frame ${JSON.stringify(fields)}; heard ${this.frames.slice(from).map(({ op, type }) => type ?? op).join(", ")}`, this.#timeoutMs);
  }

  closed(): Promise<number> {
    return eventually(() => this.closeCode, "the connection was not closed", this.#timeoutMs);
  }

  get mark(): number {
    return this.frames.length;
  }

  end(): void {
    this.#socket.terminate();
  }
}

interface Stage {
  readonly url: string;
  readonly base: string;
  readonly auth: unknown;
  readonly channel: string;
  readonly timeoutMs: number;
  connect(): Promise<Peer>;
  identified(subscriptions?: readonly unknown[]): Promise<Peer>;
}

type Test = readonly [rules: string, title: string, run: (stage: Stage) => Promise<void>];

const TESTS: readonly Test[] = [
  ["P1 P2", "the server greets first, and READY names the history", async ({ connect, auth }) => {
    const peer = await connect();
    const hello = await peer.hear({ op: "HELLO" });
    for (const name of ["protocol", "heartbeat_interval_ms", "server_time_unix_ms"]) is(typeof hello[name] === "number", `HELLO.${name} is a number`);
    peer.say({ op: "IDENTIFY", auth });
    const ready = await peer.hear({ type: "READY" });
    is(typeof ready["epoch"] === "string" && typeof ready["seq"] === "number" && typeof ready["session_id"] === "string", "READY has epoch, seq and session_id");
  }],
  ["P2", "IDENTIFY is said once", async ({ identified }) => {
    const peer = await identified();
    peer.say({ op: "IDENTIFY" });
    is((await peer.hear({ op: "ERROR" }))["code"] === "BAD_MESSAGE", "a second IDENTIFY is BAD_MESSAGE");
  }],
  ["P3", "what is not JSON, or unknown, is answered and closes with 4400", async ({ connect }) => {
    for (const text of ["nonsense", '{"op":"NOTHING"}', "[]"]) {
      const peer = await connect();
      peer.say(text);
      is((await peer.hear({ op: "ERROR" }))["code"] === "BAD_MESSAGE", `${text} is BAD_MESSAGE`);
      is((await peer.closed()) === 4_400, `${text} closes with 4400`);
    }
  }],
  ["P3", "a frame above 65,536 bytes closes with 1009", async ({ identified }) => {
    const peer = await identified();
    peer.say(`{"op":"HEARTBEAT","x":"${"x".repeat(70_000)}"}`);
    is((await peer.closed()) === 1_009, "closed with 1009");
  }],
  ["P4 S1", "HEARTBEAT_ACK brings both clocks and a fresh session id", async ({ identified }) => {
    const peer = await identified();
    peer.say({ op: "HEARTBEAT", client_time_unix_ms: 17 });
    const ack = await peer.hear({ op: "HEARTBEAT_ACK" });
    is(ack["client_time_unix_ms"] === 17 && typeof ack["server_time_unix_ms"] === "number" && typeof ack["session_id"] === "string", "ack has both times and the id");
  }],
  ["P5 P8 P11 P13", "SUBSCRIBE is answered, then status, snapshot and a watermark that ends the turn", async ({ identified, channel, timeoutMs }) => {
    const peer = await identified();
    peer.say({ op: "SUBSCRIBE", id: 5, subscriptions: [channel] });
    const answer = await peer.hear({ type: "SUBSCRIBED", id: 5 });
    is(answer["index"] === 0 && answer["channel"] === channel && Array.isArray(answer["key"]) && answer["mode"] === "snapshot" && answer["reason"] === "no_cursor", "SUBSCRIBED says what it is");
    await peer.hear({ type: "CHANNEL_STATUS", channel });
    const snapshot = await peer.hear({ type: "SNAPSHOT", channel, more: false });
    const watermark = await eventually(() => peer.frames.find((frame) => frame["type"] === "WATERMARK" && peer.frames.indexOf(frame) > peer.frames.indexOf(snapshot) && frame["behind"] === undefined), "no whole watermark", timeoutMs);
    is(Number(watermark["seq"]) >= Number(snapshot["seq"]), "the watermark is not before the snapshot");
  }],
  ["M4 M6", "what can't be written is answered with a code, and the connection stays", async ({ identified }) => {
    const peer = await identified();
    for (const [id, what, code] of [["conformance-1", { name: "no such mutation", input: {} }, "UNKNOWN_MUTATION"], ["conformance-2", { position: "no such source:1" }, "UNKNOWN_POSITION"]] as const) {
      peer.say({ op: "MUTATE", mutation_id: id, ...what });
      const { error } = await peer.hear({ type: "MUTATION_RESULT", mutation_id: id });
      is((error as { code?: unknown } | undefined)?.code === code, code);
    }
    peer.say({ op: "HEARTBEAT" });
    await peer.hear({ op: "HEARTBEAT_ACK" });
  }],
  ["M1 P3", "a MUTATE without a proper id closes with 4400", async ({ identified }) => {
    const peer = await identified();
    peer.say({ op: "MUTATE", mutation_id: "a b", name: "x", input: {} });
    is((await peer.closed()) === 4_400, "closed with 4400");
  }],
  ["P9", "a refused subscription does not touch the others", async ({ identified, channel }) => {
    const peer = await identified();
    peer.say({ op: "SUBSCRIBE", id: 6, subscriptions: ["no such channel", { channel, where: { column: "x", nonsense: 1 } }, channel] });
    is((await peer.hear({ op: "ERROR", id: 6, index: 0 }))["code"] === "UNKNOWN_CHANNEL", "UNKNOWN_CHANNEL");
    is((await peer.hear({ op: "ERROR", id: 6, index: 1 }))["code"] === "BAD_QUERY", "BAD_QUERY");
    await peer.hear({ type: "SUBSCRIBED", id: 6, index: 2 });
  }],
  ["P7 S2", "a cursor continues without a snapshot, and says from where", async ({ identified, channel }) => {
    const first = await identified([channel]);
    const answer = await first.hear({ type: "SUBSCRIBED" });
    const { seq } = await first.hear({ type: "SNAPSHOT", channel, more: false });
    const second = await identified();
    second.say({ op: "SUBSCRIBE", id: 1, subscriptions: [{ channel, cursor: { epoch: answer["epoch"], view: answer["view"], seq } }] });
    const continued = await second.hear({ type: "SUBSCRIBED", id: 1 });
    is(continued["mode"] === "delta" && continued["from_seq"] === seq, "mode delta from the named seq");
  }],
  ["P7", "a cursor of another history, or view, is a snapshot and says why", async ({ identified, channel }) => {
    const peer = await identified([channel]);
    const { epoch, view } = await peer.hear({ type: "SUBSCRIBED" });
    for (const [cursor, reason] of [[{ epoch: "elsewhere", view, seq: 1 }, "epoch"], [{ epoch, view: "v_other.x", seq: 1 }, "view"]] as const) {
      const from = peer.mark;
      peer.say({ op: "SUBSCRIBE", subscriptions: [{ channel, cursor }] });
      const answer = await peer.hear({ type: "SUBSCRIBED" }, from);
      is(answer["mode"] === "snapshot" && answer["reason"] === reason, `reason ${reason}`);
    }
  }],
  ["P11", "a watermark comes at least every second, also when nothing changes", async ({ identified, channel }) => {
    const peer = await identified([channel]);
    await peer.hear({ type: "WATERMARK" });
    for (let count = 0; count < 2; count++) {
      const from = peer.mark;
      const startMs = systemClock.monotonic();
      await peer.hear({ type: "WATERMARK" }, from);
      is(systemClock.monotonic() - startMs < 1_600, "within about a second");
    }
  }],
  ["S1 S2", "RESUME continues a session on another connection", async ({ connect, identified, auth, channel }) => {
    const first = await identified([channel]);
    const { session_id } = await first.hear({ type: "READY" });
    const second = await connect();
    second.say({ op: "RESUME", session_id, auth, subscriptions: [channel] });
    await second.hear({ type: "RESUMED" });
    await second.hear({ type: "SUBSCRIBED", index: 0 });
  }],
  ["S3", "a session id that is none is INVALID_SESSION, and IDENTIFY works on the same connection", async ({ connect, auth }) => {
    const peer = await connect();
    peer.say({ op: "RESUME", session_id: "sess_abc123", auth });
    is((await peer.hear({ op: "INVALID_SESSION" }))["reason"] === "token", "reason token");
    peer.say({ op: "IDENTIFY", auth });
    await peer.hear({ type: "READY" });
  }],
  ["S5", "RESYNC seats a view again", async ({ identified, channel }) => {
    const peer = await identified([channel]);
    const { view } = await peer.hear({ type: "SUBSCRIBED" });
    await peer.hear({ type: "WATERMARK" });
    peer.say({ op: "RESYNC", id: 8, view });
    is((await peer.hear({ type: "SUBSCRIBED", id: 8 }))["mode"] === "snapshot", "without seq a snapshot");
    peer.say({ op: "RESYNC", id: 9, view: "v_none" });
    is((await peer.hear({ op: "ERROR", id: 9 }))["code"] === "UNKNOWN_VIEW", "an unknown view is UNKNOWN_VIEW");
  }],
  ["B1", "without credit there is no turn; heartbeats are answered all the same", async ({ identified, channel }) => {
    const peer = await identified([channel]);
    await peer.hear({ type: "WATERMARK" });
    peer.say({ op: "CREDIT", turns: 0 });
    peer.say({ op: "HEARTBEAT" });
    await peer.hear({ op: "HEARTBEAT_ACK" });
    const from = peer.mark;
    await delay(systemClock, 1_500);
    is(!peer.frames.slice(from).some(({ type }) => type === "WATERMARK"), "no watermark without credit");
    peer.say({ op: "CREDIT", turns: null });
    await peer.hear({ type: "WATERMARK" }, from);
  }],
  ["B2", "a channel without credit is held back alone", async ({ identified, channel }) => {
    const peer = await identified();
    peer.say({ op: "CREDIT", channel_credit: { [channel]: 0 } });
    peer.say({ op: "SUBSCRIBE", subscriptions: [channel] });
    const { view } = await peer.hear({ type: "SUBSCRIBED" });
    const watermark = await peer.hear({ type: "WATERMARK" }, peer.frames.findIndex(({ type }) => type === "SUBSCRIBED"));
    is((watermark["behind"] as readonly unknown[] | undefined)?.includes(view) === true, "the watermark lists it in behind");
    const from = peer.mark;
    peer.say({ op: "CREDIT", channel_credit: { [channel]: null } });
    await peer.hear({ type: "SNAPSHOT", channel }, from);
  }],
  ["H1 H2", "the snapshot over HTTP and the socket meet", async ({ base, connect, auth, channel }) => {
    const response = await fetch(`${base}/snapshot?channels=${encodeURIComponent(channel)}`);
    if (response.status === 401 && auth !== undefined) return;
    const { snapshot_seq, epoch, channels } = (await response.json()) as { snapshot_seq: number; epoch: string; channels: Record<string, { mode: string }> };
    is(channels[channel]?.mode === "snapshot" && response.headers.get("etag") !== null, "the answer holds the channel and has an ETag");
    const peer = await connect();
    peer.say({ op: "IDENTIFY", auth, subscriptions: [channel], snapshot_seq, epoch });
    is((await peer.hear({ type: "SUBSCRIBED" }))["mode"] === "delta", "the socket continues from snapshot_seq");
  }],
  ["T4", "a poll is one turn and ends", async ({ base, channel, auth, timeoutMs }) => {
    const response = await fetch(`${base}/changes`, { method: "POST", body: JSON.stringify({ op: "IDENTIFY", auth, subscriptions: [channel] }), signal: AbortSignal.timeout(timeoutMs) });
    const frames = (await response.text()).trim().split("\n").map((line) => JSON.parse(line) as Frame);
    is(frames[0]?.["op"] === "HELLO" && frames.at(-1)?.["type"] === "WATERMARK", "from HELLO to WATERMARK");
  }],
];

/** Returns the process's exit code: 0 when every rule holds. */
export async function conformance({ url, channel, auth, timeoutMs, print }: ConformanceOptions): Promise<number> {
  const base = url.replace(/^ws/, "http").replace(/\/[^/]*$/, "");
  const name = channel ?? (await firstChannel(base));
  print(`${url}, with channel "${name}"`);
  let failed = 0;
  for (const [rules, title, run] of TESTS) {
    const peers: Peer[] = [];
    const connect = async (): Promise<Peer> => {
      const peer = new Peer(url, timeoutMs);
      peers.push(peer);
      await peer.hear({ op: "HELLO" });
      return peer;
    };
    const identified = async (subscriptions: readonly unknown[] = []): Promise<Peer> => {
      const peer = await connect();
      peer.say({ op: "IDENTIFY", auth, subscriptions });
      await peer.hear({ type: "READY" });
      return peer;
    };
    try {
      await run({ url, base, auth, timeoutMs, channel: name, connect, identified });
      print(`ok   ${rules.padEnd(14)} ${title}`);
    } catch (error) {
      failed++;
      print(`FAIL ${rules.padEnd(14)} ${title}: ${messageOf(error)}`);
    } finally {
      for (const peer of peers) peer.end();
    }
  }
  print(failed === 0 ? `All ${TESTS.length} tests hold.` : `${failed} of ${TESTS.length} tests do not hold.`);
  return failed === 0 ? 0 : 1;
}

async function firstChannel(base: string): Promise<string> {
  const response = await fetch(`${new URL(base).origin}/stats`);
  const { channels } = (await response.json()) as { channels?: readonly { channel: string }[] };
  const found = channels?.find(({ channel }) => channel !== "tidemark.channels")?.channel;
  if (found === undefined) throw new Error("Name a channel to test with: --channel NAME.");
  return found;
}

function is(condition: boolean, what: string): void {
  if (!condition) throw new Error(`not so: ${what}`);
}

async function eventually<T>(look: () => T | undefined, otherwise: string, timeoutMs: number): Promise<T> {
  const endMs = systemClock.monotonic() + timeoutMs;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (systemClock.monotonic() > endMs) throw new Error(otherwise);
    await delay(systemClock, 5);
  }
}
