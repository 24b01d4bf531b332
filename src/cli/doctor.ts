/**
 * `tidemark doctor`: checks a deployment from end to end. On a server it checks each carrier, the
 * clocks and freshness. On the database it checks triggers, outbox and lease, and follows one
 * change from its transaction to the client's commit, with the time of each step.
 */
import { WebSocket } from "ws";
import { ServerProbe } from "../client/connection/server-probe.ts";
import { createClient, type CarrierName } from "../client/node.ts";
import { CATALOG_CHANNEL } from "../server/catalog.ts";
import { delay, systemClock } from "../std/clock.ts";
import { messageOf } from "../std/errors.ts";

export interface DoctorOptions {
  /**
   * `http://…` or `ws://…` of the server; its stream is at `/v2/stream` unless the path says
   * otherwise.
   */
  readonly server: string;
  /** The address of the server's database, to check it too. */
  readonly postgres: string | undefined;
  /**
   * A statement that changes a row of a served table; doctor runs it and follows the change. It
   * changes nothing else.
   */
  readonly change: string | undefined;
  /** The channel that shows the change. */
  readonly channel: string | undefined;
  /** A page's origin, to check whether pages of it may connect. */
  readonly origin: string | undefined;
  readonly print: (line: string) => void;
}

/** The result of one check. */
interface Finding {
  readonly isGood: boolean;
  readonly text: string;
}

/** The wall time at which the monotonic clock was zero. */
const ORIGIN_MS = systemClock.now() - systemClock.monotonic();
const STEP_MS_MAX = 10_000;
/** The findings say what does not connect, and why. */
const QUIET = { onWarning: (): void => {} };
const OFFSET_MS_MAX = 500;

/** Returns the exit code of the process: 0 when all checks passed. */
export async function doctor({
  server,
  postgres,
  change,
  channel,
  origin,
  print,
}: DoctorOptions): Promise<number> {
  const stream = streamOf(server);
  const base = stream.replace(/^ws/, "http").replace(/\/[^/]*$/, "");
  let bad = 0;
  const report = (name: string, { isGood, text }: Finding): void => {
    if (!isGood) bad++;
    print(`${isGood ? "ok  " : "BAD "} ${name.padEnd(12)} ${text}`);
  };
  const reach = await found(() => reachability(base));
  report("server", reach);
  if (reach.isGood) {
    for (const carrier of ["websocket", "sse", "long-poll", "poll"] as const)
      report(carrier, await found(() => carries(stream, carrier)));
    if (origin !== undefined) report("origin", await found(() => mayConnect(stream, origin)));
    report("clocks", await found(() => clocks(stream)));
    report("freshness", await found(() => freshness(new URL(base).origin)));
  }
  if (postgres !== undefined) {
    const { diagnose, runChange } = await import("../sources/postgres/diagnose.ts");
    const diagnoses = await diagnose(postgres).catch((error: unknown) => [
      { name: "database", isGood: false, text: messageOf(error) },
    ]);
    for (const { name, isGood, text } of diagnoses) report(name, { isGood, text });
    if (change !== undefined && channel !== undefined)
      report(
        "one change",
        await found(() => trace(stream, channel, () => runChange(postgres, change, systemClock))),
      );
  }
  print(
    bad === 0
      ? "All checks passed."
      : `${bad} ${bad === 1 ? "problem" : "problems"} found. See docs/websocket-troubleshooting.md for the remedies, by symptom.`,
  );
  return bad === 0 ? 0 : 1;
}

async function found(look: () => Promise<Finding>): Promise<Finding> {
  try {
    return await look();
  } catch (error) {
    return { isGood: false, text: messageOf(error) };
  }
}

async function reachability(base: string): Promise<Finding> {
  const startMs = systemClock.monotonic();
  const probe = new ServerProbe((route) =>
    fetch(base + route, { signal: AbortSignal.timeout(STEP_MS_MAX) }),
  );
  const answer = await probe.ask();
  const tookMs = Math.round(systemClock.monotonic() - startMs);
  switch (answer.kind) {
    case "tidemark":
      return { isGood: true, text: `answers in ${tookMs} ms` };
    case "busy":
      return { isGood: false, text: "answers that it is starting, stopping or full" };
    case "other":
      return {
        isGood: false,
        text:
          answer.refusal === undefined
            ? `something answers at ${base}, but it is not Tidemark (HTTP ${answer.status})`
            : `${answer.refusal.code}: ${answer.refusal.message}`,
      };
    case "away":
      return {
        isGood: false,
        text: `no response from ${base}: is the server running, and are host and port right?`,
      };
  }
}

/** Connects as a page of this origin would. */
function mayConnect(url: string, origin: string): Promise<Finding> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { origin, handshakeTimeout: STEP_MS_MAX });
    socket.on("open", () => {
      socket.terminate();
      resolve({ isGood: true, text: `pages from ${origin} may connect` });
    });
    socket.on("unexpected-response", (_request, response) => {
      let text = "";
      response.on("data", (chunk) => (text += String(chunk)));
      response.on("end", () =>
        resolve({ isGood: false, text: `HTTP ${response.statusCode}: ${text.trim()}` }),
      );
    });
    socket.on("error", reject);
  });
}

async function carries(url: string, carrier: CarrierName): Promise<Finding> {
  const client = createClient({ url, carriers: [carrier], ...QUIET });
  const startMs = systemClock.monotonic();
  try {
    client.connect();
    await until(
      () => client.connection.getSnapshot().state.kind === "open",
      `no session within ${STEP_MS_MAX / 1_000} s: ${carrier === "websocket" ? "does the proxy pass Upgrade and Connection?" : "does the proxy buffer answers?"}`,
    );
    return {
      isGood: true,
      text: `a session within ${Math.round(systemClock.monotonic() - startMs)} ms`,
    };
  } finally {
    client.close();
  }
}

async function clocks(url: string): Promise<Finding> {
  const client = createClient({ url, ...QUIET });
  try {
    client.connect();
    await until(
      () => client.connection.getSnapshot().roundTripMs !== undefined,
      "no response to a heartbeat",
    );
    const { clockOffsetMs, roundTripMs } = client.connection.getSnapshot();
    const offset = Math.round(clockOffsetMs);
    return {
      isGood: Math.abs(offset) <= OFFSET_MS_MAX,
      text: `the server's clock is ${Math.abs(offset)} ms ${offset < 0 ? "behind" : "ahead"}, round trip ${Math.round(roundTripMs ?? 0)} ms`,
    };
  } finally {
    client.close();
  }
}

async function freshness(origin: string): Promise<Finding> {
  const response = await fetch(`${origin}/stats`, { signal: AbortSignal.timeout(STEP_MS_MAX) });
  if (!response.ok)
    return { isGood: true, text: `only operators may see it (HTTP ${response.status})` };
  const { channels, log_head, seq } = (await response.json()) as {
    channels: { channel: string; status: string; reason?: string }[];
    log_head: number;
    seq: number;
  };
  const served = channels.filter(({ channel }) => channel !== CATALOG_CHANNEL);
  const stale = served.filter(({ status }) => status !== "live");
  if (stale.length > 0)
    return {
      isGood: false,
      text: stale
        .map(
          ({ channel, status, reason }) =>
            `${channel} is ${status}${reason === undefined ? "" : `: ${reason}`}`,
        )
        .join("; "),
    };
  return {
    isGood: true,
    text: `${served.length} ${served.length === 1 ? "channel" : "channels"} live, ${log_head - seq} commits waiting`,
  };
}

interface WatchedFrame {
  readonly type?: string;
  readonly channel?: string;
  readonly seq?: number;
  readonly digest?: string;
  readonly oldest_commit_unix_ms?: number;
}

/**
 * Follows one change: transaction, seq, frame, the client's commit. On a busy channel it may
 * follow another change by mistake.
 */
async function trace(
  url: string,
  channel: string,
  change: () => Promise<{ readonly committedAtMs: number; readonly tookMs: number }>,
): Promise<Finding> {
  const nowMs = (): number => ORIGIN_MS + systemClock.monotonic();
  let delta: { readonly seq: number; readonly atMs: number } | undefined;
  let loggedMs: number | undefined;
  class Watched extends WebSocket {
    constructor(address: string) {
      super(address);
      this.on("message", (data) => {
        const frame = JSON.parse(String(data)) as WatchedFrame;
        if (frame.type === "DELTA_BATCH" && frame.channel === channel && frame.digest === undefined)
          delta = { seq: frame.seq ?? 0, atMs: nowMs() };
        if (frame.type === "WATERMARK" && delta !== undefined)
          loggedMs ??= frame.oldest_commit_unix_ms;
      });
    }
  }
  const client = createClient({ url, WebSocket: Watched as never, ...QUIET });
  try {
    const view = client.live({ channel });
    let appliedMs: number | undefined;
    view.subscribe(() => {
      if (delta !== undefined && view.getSnapshot().seq >= delta.seq) appliedMs ??= nowMs();
    });
    await until(
      () => view.getSnapshot().status === "live",
      `channel "${channel}" did not become live: is its name right?`,
    );
    [delta, loggedMs, appliedMs] = [undefined, undefined, undefined];
    const { committedAtMs, tookMs } = await change();
    await until(
      () => appliedMs !== undefined,
      "the change did not arrive: does the statement change a row that the channel holds?",
    );
    const { clockOffsetMs } = client.connection.getSnapshot();
    const arrived = delta as { readonly seq: number; readonly atMs: number } | undefined;
    const step = (fromMs: number, toMs: number | undefined): string =>
      `${Math.max(0, (toMs ?? fromMs) - fromMs).toFixed(1)} ms`;
    const inLogMs = (loggedMs ?? committedAtMs) - clockOffsetMs;
    const text = [
      `transaction ${tookMs.toFixed(1)} ms`,
      `seq ${arrived?.seq} after ${step(committedAtMs, inLogMs)}`,
      `frame after ${step(inLogMs, arrived?.atMs)}`,
      `client commit after ${step(arrived?.atMs ?? 0, appliedMs)}`,
      `in all ${step(committedAtMs, appliedMs)}`,
    ].join(", ");
    return { isGood: true, text };
  } finally {
    client.close();
  }
}

async function until(isSo: () => boolean, otherwise: string): Promise<void> {
  const endMs = systemClock.monotonic() + STEP_MS_MAX;
  while (!isSo()) {
    if (systemClock.monotonic() > endMs) throw new Error(otherwise);
    await delay(systemClock, 10);
  }
}

function streamOf(server: string): string {
  const url = new URL(server.replace(/^http/, "ws"));
  if (url.pathname === "/" || url.pathname === "") url.pathname = "/v2/stream";
  return url.href;
}
