/**
 * Many clients of `/ws/heatmap`, or pollers of an address, in one process. Each notes which
 * heatmap it received when; the kinds of clients are those that read, slow ones, which read for a
 * moment now and then, and dead ones, which have stopped without a word.
 */
import type { Socket } from "node:net";
import { Agent, get } from "node:http";
import { answer, cpuMeter } from "./child.ts";
import { maskedFrame, openRawSocket } from "./raw-socket.ts";
import { sharedClockMs } from "./shared-clock.ts";

/** What the clients of one kind have received since the last reset. */
export interface Received {
  readonly clients: number;
  readonly bytes: number;
  readonly closed: number;
  /** By `symbol timestamp`: when each client received it, by the shared clock. */
  readonly messages: Readonly<Record<string, readonly number[]>>;
}

interface Group {
  readonly sockets: Socket[];
  bytes: number;
  closed: number;
  messages: Map<string, number[]>;
}

const SLOW_PAUSE_MS = 8_000;
const SLOW_READ_MS = 200;

const groups = new Map<string, Group>();
const agent = new Agent({ keepAlive: true, maxSockets: 512 });
const meter = cpuMeter();
let pollers: NodeJS.Timeout | undefined;
let polled = { answers: 0, failures: 0, bytes: 0, times: [] as number[] };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function groupOf(name: string): Group {
  let group = groups.get(name);
  if (group === undefined) {
    group = { sockets: [], bytes: 0, closed: 0, messages: new Map() };
    groups.set(name, group);
  }
  return group;
}

/** Resolves when the client has its first heatmap that is not empty. */
async function open(group: Group, port: number, symbol: string, mode: string): Promise<void> {
  let onFirst = (): void => {};
  const first = new Promise<void>((resolve) => (onFirst = resolve));
  const socket = await openRawSocket({
    port,
    path: "/ws/heatmap",
    onBytes: (length) => (group.bytes += length),
    wants: () => true,
    onFrame: (payload = Buffer.alloc(0)) => {
      const key = keyOf(payload);
      if (key === undefined) return;
      onFirst();
      const times = group.messages.get(key);
      if (times === undefined) group.messages.set(key, [sharedClockMs()]);
      else times.push(sharedClockMs());
    },
    onClosed: () => group.closed++,
  });
  group.sockets.push(socket);
  socket.write(maskedFrame(JSON.stringify({ type: "subscribe", symbols: [symbol], mode })));
  await first;
}

/** Symbol and timestamp, which stand at the beginning of a message with cells. */
function keyOf(payload: Buffer): string | undefined {
  const head = payload.toString("latin1", 0, 120);
  const [, symbol, timestamp] =
    /^\{"type":"(?:snapshot|changes)","symbol":"(\w+)","timestamp":(\d+)/.exec(head) ?? [];
  return symbol === undefined ? undefined : `${symbol} ${timestamp}`;
}

function poll(url: string): void {
  const beganMs = sharedClockMs();
  get(url, { agent }, (response) => {
    response.on("data", (chunk: Buffer) => (polled.bytes += chunk.length));
    response.on("end", () => {
      if (response.statusCode === 200) polled.answers++;
      else polled.failures++;
      polled.times.push(sharedClockMs() - beganMs);
    });
  }).on("error", () => polled.failures++);
}

answer({
  open: async ({ port, count, name, symbols, mode, perSecond }) => {
    const group = groupOf(String(name));
    const names = symbols as readonly string[];
    const opened: Promise<void>[] = [];
    for (let index = 0; index < Number(count); index++) {
      opened.push(open(group, Number(port), names[index % names.length] ?? "", String(mode)));
      if (index % 20 === 19) await pause((20 * 1_000) / Number(perSecond));
    }
    await Promise.all(opened);
  },
  /** From now on these read for a moment only, and then pause. */
  slow: ({ name }) => {
    for (const [index, socket] of groupOf(String(name)).sockets.entries()) {
      socket.pause();
      setTimeout(
        () =>
          setInterval(() => {
            socket.resume();
            setTimeout(() => socket.pause(), SLOW_READ_MS);
          }, SLOW_PAUSE_MS),
        (index * SLOW_PAUSE_MS) / 100,
      );
    }
  },
  /** From now on these read nothing, and answer nothing. */
  die: ({ name }) => {
    for (const socket of groupOf(String(name)).sockets) socket.pause();
  },
  close: () => {
    for (const { sockets } of groups.values()) for (const socket of sockets) socket.destroy();
    groups.clear();
  },
  /** So many requests in each second, whether or not earlier ones are answered. */
  poll: ({ urls, perSecond }) => {
    const addresses = urls as readonly string[];
    const beganMs = performance.now();
    let sent = 0;
    polled = { answers: 0, failures: 0, bytes: 0, times: [] };
    pollers = setInterval(() => {
      const due = Math.floor(((performance.now() - beganMs) / 1_000) * Number(perSecond));
      while (sent < due) poll(addresses[sent++ % addresses.length] ?? "");
    }, 5);
  },
  endPolls: () => {
    clearInterval(pollers);
    return polled;
  },
  reset: () => {
    for (const group of groups.values()) Object.assign(group, { bytes: 0, messages: new Map() });
    meter();
  },
  read: () => ({
    groups: Object.fromEntries(
      [...groups].map(([name, { sockets, bytes, closed, messages }]): [string, Received] => [
        name,
        { clients: sockets.length, bytes, closed, messages: Object.fromEntries(messages) },
      ]),
    ),
    ...meter(),
  }),
});
