/** T1 to T4: the same frames over server-sent events, POST requests and polls. */
import { delay, systemClock } from "../../std/clock.ts";
import { check, type Check } from "./check.ts";
import { eventually, type Frame, type Headers } from "./raw-client.ts";
import type { TestedServer } from "./tested-server.ts";
import { must } from "./check-result.ts";

const WAIT_MS = 4_000;
const NEWS_AFTER_MS = 300;

export const CARRIER_RULES: readonly Check[] = [
  check("T1", "server-sent events carry the frames, one each", async (server) => {
    const events = await Events.open(server, `/sse?channels=${encodeURIComponent(server.channel)}`);
    try {
      await events.receive("WATERMARK");
      const types = events.frames.map(({ op, type }) => type ?? op);
      const order = ["HELLO", "READY", "SUBSCRIBED", "SNAPSHOT", "WATERMARK"].map((type) =>
        types.indexOf(type),
      );
      must(
        order.every((at, index) => at >= 0 && at > (order[index - 1] ?? -1)),
        "HELLO, READY, SUBSCRIBED, SNAPSHOT and WATERMARK come in this order",
        types,
      );
    } finally {
      events.end();
    }
  }),
  check(
    "T2",
    "only the WATERMARK of a complete turn has an id, and Last-Event-ID continues from it",
    async (server) => {
      const path = `/sse?channels=${encodeURIComponent(server.channel)}`;
      const first = await Events.open(server, path);
      await first.receive("WATERMARK");
      first.end();
      const named = first.events.filter(({ id }) => id !== undefined);
      must(
        named.length > 0 &&
          named.every(
            ({ frame }) => frame["type"] === "WATERMARK" && frame["behind"] === undefined,
          ),
        "WATERMARK without behind has an id, and nothing else",
        first.events.map(({ id, frame }) => [frame["type"] ?? frame["op"], id]),
      );
      const second = await Events.open(server, path, { "last-event-id": String(named.at(-1)?.id) });
      try {
        const answer = await second.receive("SUBSCRIBED");
        must(
          answer["mode"] === "delta" && answer["from_seq"] === named.at(-1)?.frame["seq"],
          "it continues as a delta from the seq in the id",
          answer,
        );
      } finally {
        second.end();
      }
    },
  ),
  check("T3", "a client of events sends by POST, under the session id in HELLO", async (server) => {
    const events = await Events.open(server, "/sse");
    try {
      const { session_id } = await events.receive("HELLO");
      const lines = [
        { op: "IDENTIFY", auth: server.auth },
        { op: "SUBSCRIBE", id: 4, subscriptions: [server.channel] },
      ];
      const posted = await up(server, String(session_id), lines);
      must(posted.status === 204, "it is answered 204", posted);
      must((await events.receive("SUBSCRIBED"))["id"] === 4, "each line is a frame");
    } finally {
      events.end();
    }
  }),
  check(
    "T3",
    "an unknown session, or one over a WebSocket, is 404 UNKNOWN_SESSION",
    async (server) => {
      const client = await server.connect();
      for (const id of ["none", String(client.frames[0]?.["session_id"])]) {
        const { status, code } = await up(server, id, [{ op: "HEARTBEAT" }]);
        must(status === 404 && code === "UNKNOWN_SESSION", "it is 404 UNKNOWN_SESSION", {
          status,
          code,
        });
      }
      await delay(systemClock, 50);
      must(
        !client.frames.some(({ op }) => op === "HEARTBEAT_ACK"),
        "nobody else can send for a session",
      );
    },
  ),
  check("T4", "a poll is one turn, from HELLO to a WATERMARK without `behind`", async (server) => {
    const { channel, auth } = server;
    const posted = await poll(server, "/changes", {
      op: "IDENTIFY",
      auth,
      subscriptions: [channel],
    });
    isWhole(posted);
    const { session_id, epoch } = posted.find(({ type }) => type === "READY") ?? {};
    const resumed = await poll(server, "/changes", {
      op: "RESUME",
      auth,
      session_id,
      last_seq: posted.at(-1)?.["seq"],
      subscriptions: [channel],
    });
    isWhole(resumed);
    must(
      resumed.some(({ type }) => type === "RESUMED"),
      "RESUME polls too",
    );
    if (auth !== undefined) return;
    const got = await poll(
      server,
      `/changes?channels=${encodeURIComponent(channel)}&cursor=${String(epoch)}:${String(posted.at(-1)?.["seq"])}`,
    );
    isWhole(got);
    must(
      got.find(({ type }) => type === "SUBSCRIBED")?.["mode"] === "delta",
      "with a cursor it is a delta",
      got,
    );
  }),
  check("T4", "with wait_ms a poll waits for a turn with rows", async (server) => {
    const writer = await server.writer();
    const { channel, auth } = server;
    const row = writer.row("t4", "t4", 1);
    const query = { channel, where: { column: "kind", eq: row.kind } };
    const first = await poll(server, "/changes", { op: "IDENTIFY", auth, subscriptions: [query] });
    const { view, epoch } = first.find(({ type }) => type === "SUBSCRIBED") ?? {};
    const cursor = { epoch, view, seq: first.find(({ type }) => type === "SNAPSHOT")?.["seq"] };
    const waiting = poll(server, `/changes?wait_ms=${WAIT_MS}`, {
      op: "IDENTIFY",
      auth,
      subscriptions: [{ ...query, cursor }],
    });
    await delay(systemClock, NEWS_AFTER_MS);
    await writer.write({ upsert: [row] });
    const frames = await waiting;
    isWhole(frames);
    must(
      JSON.stringify(
        frames.filter(({ type }) => type === "DELTA_BATCH").map(({ patch }) => patch),
      ).includes(row.id),
      "it ends with the turn that brings what was written meanwhile",
      frames.map(({ type, op }) => type ?? op),
    );
  }),
];

function isWhole(frames: readonly Frame[]): void {
  const last = frames.at(-1);
  must(
    frames[0]?.["op"] === "HELLO" && last?.["type"] === "WATERMARK" && last["behind"] === undefined,
    "it goes from HELLO to a WATERMARK without `behind`",
    frames.map(({ type, op }) => type ?? op),
  );
}

async function poll(server: TestedServer, path: string, body?: object): Promise<readonly Frame[]> {
  const response = await server.http(path, {
    ...(body && { method: "POST", body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(server.timeoutMs + WAIT_MS),
  });
  const text = await response.text();
  must(response.ok, `a poll is answered ${response.status}`, text);
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Frame);
}

async function up(
  server: TestedServer,
  session: string,
  lines: readonly object[],
): Promise<{ readonly status: number; readonly code: unknown }> {
  const response = await server.http(`/up?session=${encodeURIComponent(session)}`, {
    method: "POST",
    body: lines.map((line) => JSON.stringify(line)).join("\n"),
  });
  const text = await response.text();
  return {
    status: response.status,
    code: text === "" ? undefined : (JSON.parse(text) as Frame)["code"],
  };
}

/** A stream of server-sent events. */
class Events {
  readonly events: { readonly id: string | undefined; readonly frame: Frame }[] = [];
  readonly #abort: AbortController;
  readonly #timeoutMs: number;

  private constructor(abort: AbortController, timeoutMs: number) {
    this.#abort = abort;
    this.#timeoutMs = timeoutMs;
  }

  static async open(server: TestedServer, path: string, headers: Headers = {}): Promise<Events> {
    const abort = new AbortController();
    const response = await server.http(path, { headers, signal: abort.signal });
    const type = response.headers.get("content-type") ?? "";
    if (!response.ok || !type.startsWith("text/event-stream") || response.body === null) {
      abort.abort();
      must(false, `${path} is answered ${response.status} ${type}`);
    }
    const events = new Events(abort, server.timeoutMs);
    events.#read(response.body).catch(() => {});
    return events;
  }

  get frames(): readonly Frame[] {
    return this.events.map(({ frame }) => frame);
  }

  receive(type: string): Promise<Frame> {
    return eventually(
      () => this.frames.find((frame) => (frame["type"] ?? frame["op"]) === type),
      () => `no event ${type}`,
      this.#timeoutMs,
    );
  }

  end(): void {
    this.#abort.abort();
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(bytes, { stream: true });
      const parts = text.split("\n\n");
      text = parts.pop() ?? "";
      for (const part of parts) this.#take(part.split("\n"));
    }
  }

  #take(lines: readonly string[]): void {
    const field = (name: string): string | undefined =>
      lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
    const data = field("data");
    if (data !== undefined) this.events.push({ id: field("id"), frame: JSON.parse(data) as Frame });
  }
}
