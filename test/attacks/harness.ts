/**
 * For tests of attacks: an engine without sockets, whose event loop is stepped by hand, and a meter
 * of the processor time of a server's steps.
 */
import { channel, type TidemarkOptions } from "../../src/index.ts";
import { declareChannel, type ChannelDeclaration } from "../../src/log/channel.ts";
import { MemoryLog } from "../../src/log/memory.ts";
import { Engine } from "../../src/server/engine.ts";
import { NO_OBSERVER, type EngineOptions } from "../../src/server/engine-options.ts";
import type { Cancel, Clock } from "../../src/std/clock.ts";
import { seededRandom } from "../../src/std/random.ts";
import type { Frame as ServerFrame } from "../../src/server/turn/frame.ts";
import type { Session, Transport } from "../../src/server/turn/session.ts";
import { silent } from "../support/silent.ts";
import type { Frame } from "../support/wire-client.ts";

class FakeTransport implements Transport {
  readonly frames: Frame[] = [];
  /** Bytes that the client has not read. */
  bufferedBytes = 0;
  closed: { code: number; reason: string } | undefined;
  readonly #log: { who: string; frame: Frame }[];
  readonly #who: string;
  constructor(who: string, log: { who: string; frame: Frame }[]) {
    this.#who = who;
    this.#log = log;
  }
  write(frames: readonly ServerFrame[]): void {
    for (const frame of frames)
      if (!frame.isSilent) {
        const parsed = JSON.parse(String(frame.payload)) as Frame;
        this.frames.push(parsed);
        this.#log.push({ who: this.#who, frame: parsed });
      }
  }
  onceFlushed(callback: () => void): void {
    queueMicrotask(callback);
  }
  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }
}

/**
 * An event loop that is stepped by hand: first due timers, then callbacks of `soon`, as in Node.
 * `spend` says what work costs.
 */
export class StepClock implements Clock {
  #nowMs = 0;
  #timers: { readonly dueMs: number; readonly callback: () => void }[] = [];
  #soon: { callback: (() => void) | undefined }[] = [];
  now(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }
  monotonic(): number {
    return this.#nowMs;
  }
  after(delayMs: number, callback: () => void): Cancel {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
  soon(callback: () => void): Cancel {
    const entry: { callback: (() => void) | undefined } = { callback };
    this.#soon.push(entry);
    return () => {
      entry.callback = undefined;
    };
  }
  spend(ms: number): void {
    this.#nowMs += ms;
  }
  /** One iteration of the loop. */
  step(idleMs = 1): void {
    const due = this.#timers
      .filter(({ dueMs }) => dueMs <= this.#nowMs)
      .sort((a, b) => a.dueMs - b.dueMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { callback } of due) callback();
    const soon = this.#soon;
    this.#soon = [];
    for (const { callback } of soon) callback?.();
    if (soon.length === 0) this.#nowMs += idleMs;
  }
  advance(ms: number): void {
    for (let at = this.#nowMs + ms; this.#nowMs < at;) this.step();
  }
}

export interface TestClient {
  readonly session: Session;
  readonly transport: FakeTransport;
  say(message: object): void;
}

export async function engineOf(
  declares: readonly ChannelDeclaration[],
  options: Partial<EngineOptions> = {},
  clock: StepClock = new StepClock(),
) {
  const log = new MemoryLog({ clock, random: seededRandom(1) });
  const heard: { who: string; frame: Frame }[] = [];
  const engine = new Engine({
    log,
    clock,
    declares,
    random: seededRandom(2),
    logger: silent,
    observer: NO_OBSERVER,
    access: { identify: (_request, auth) => Promise.resolve(auth) },
    ...options,
  });
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  };
  const started = engine.start();
  for (let i = 0; i < 10; i++) {
    await settle();
    clock.advance(1);
  }
  await started;
  const connect = async (who: string, auth: unknown = who): Promise<TestClient> => {
    const transport = new FakeTransport(who, heard);
    const session = engine.connect(transport, {
      url: "/v2/stream",
      headers: {},
      remoteAddress: undefined,
    });
    const say = (message: object): void => engine.gateway.receive(session, JSON.stringify(message));
    say({ op: "IDENTIFY", auth });
    for (let i = 0; i < 3; i++) {
      await settle();
      clock.advance(20);
    }
    return { session, transport, say };
  };
  return { engine, log, clock, heard, connect, settle };
}

export const declared = (name: string) =>
  declareChannel({
    name,
    key: ["id"],
    columns: [
      { name: "id", type: "text" },
      { name: "owner", type: "text" },
      { name: "s", type: "text" },
      { name: "n", type: "integer" },
    ],
  });

/**
 * The longest processor time, in milliseconds, between two iterations of the event loop while
 * `during` runs.
 */
export async function longestStepMs(during: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let isOver = false;
  let last = process.cpuUsage();
  const look = (): void => {
    const { user, system } = process.cpuUsage(last);
    longest = Math.max(longest, (user + system) / 1_000);
    last = process.cpuUsage();
    if (!isOver) setImmediate(look);
  };
  setImmediate(look);
  try {
    await during();
  } finally {
    isOver = true;
  }
  await new Promise((resolve) => setImmediate(resolve));
  return longest;
}

export const textChannel: NonNullable<TidemarkOptions["channels"]> = {
  docs: channel({
    key: "id",
    columns: { id: "text" as never, owner: "text" as never, s: "text" as never },
  }),
};

/** A server whose caller "eve" sees some rows only. */
export const writing = {
  authenticate: (request: { headers: Readonly<Record<string, unknown>> }, auth: unknown) =>
    (auth ?? request.headers["authorization"] ?? null) as string | null,
  channels: {
    trades: channel<{ id: string; symbol: string; price: number }>({
      key: "id",
      columns: { id: "text", symbol: "text", price: "float" },
      policy: (identity) => (identity === "eve" ? { column: "symbol", eq: "ETH" } : "all"),
    }),
  },
};

/** A commit of so many rows of channel `c`. */
export const manyRows = (count: number) => ({
  changes: [
    {
      channel: "c",
      upserts: Array.from({ length: count }, (_, i) => ({
        key: `${i}`,
        row: { id: `${i}`, owner: "o", s: `s${i}`, n: i },
      })),
      removes: [],
    },
  ],
});
