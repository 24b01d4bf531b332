/** The drop-in script of the heatmap over scripted sockets, on a manual clock. */
import { HeatmapWebSocket, type HeatmapOptions } from "../../src/heatmap/heatmap-web-socket.ts";
import type { HeatmapData } from "../../src/heatmap/messages.ts";
import type { HeatmapSocket } from "../../src/heatmap/socket-line.ts";
import { ManualClock } from "../../src/std/manual-clock.ts";

export class ScriptedSocket implements HeatmapSocket {
  onopen: HeatmapSocket["onopen"] = null;
  onmessage: HeatmapSocket["onmessage"] = null;
  onclose: HeatmapSocket["onclose"] = null;
  readonly sent: unknown[] = [];
  isClosed = false;

  send(text: string): void {
    if (this.isClosed) throw new Error("closed");
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.isClosed = true;
  }
  open(): void {
    this.onopen?.({} as never);
  }
  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }
  fail(): void {
    this.onclose?.({ code: 1006, reason: "" });
  }
}

export const data = (fields: Partial<HeatmapData> = {}): HeatmapData => ({
  symbol: "BTCUSDT",
  times: [300_000, 600_000],
  prices: [99, 100, 101],
  values: [
    [5, 6],
    [0, 0],
    [0, 7],
  ],
  closes: [98, 100],
  step: 1,
  price: 100,
  as_of: 1_000,
  ...fields,
});
export const snapshot = (fields: Partial<HeatmapData> = {}) => {
  const whole = data(fields);
  return { type: "snapshot", symbol: whole.symbol, timestamp: whole.as_of, data: whole };
};
export const PONG = { type: "pong" };
export const PING = { type: "ping" };
export const SUBSCRIBE = { type: "subscribe", symbols: ["BTCUSDT"], mode: "changes" };

interface Answer {
  readonly ok: boolean;
  readonly status: number;
  json(): Promise<unknown>;
}

/** What the script opened, said and asked for, and what its page was given. */
export class ScriptedHeatmap {
  readonly clock = new ManualClock();
  readonly sockets: ScriptedSocket[] = [];
  /** Each status, with its reason. */
  readonly words: string[] = [];
  readonly reasons: (string | undefined)[] = [];
  readonly shown: HeatmapData[] = [];
  /** Addresses of the REST twin, and what it answers. */
  readonly asked: string[] = [];
  answer: (url: string) => Promise<Answer> = () => Promise.reject(new TypeError("Failed to fetch"));

  newest(): ScriptedSocket {
    return this.sockets.at(-1) as ScriptedSocket;
  }

  /** Changes of the symbol. */
  say(changes: object): void {
    const whole = { removed_times: [], removes: [], closes: [], cells: [], ...changes };
    this.newest().say({ type: "changes", symbol: "BTCUSDT", timestamp: 2_000, data: whole });
  }

  /** Lets answers of the scripted REST twin arrive. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }

  /** Moves time in seconds, so that answers arrive between timers. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.clock.advance(1_000);
      await this.settle();
    }
  }

  heatmap(options: HeatmapOptions = {}): HeatmapWebSocket {
    return new HeatmapWebSocket("ws://host/ws/heatmap", {
      onSnapshot: (whole) => this.shown.push(whole),
      onStatusChange: (status, { reason }) => {
        this.words.push(status);
        this.reasons.push(reason);
      },
      clock: this.clock,
      createSocket: () => {
        const socket = new ScriptedSocket();
        this.sockets.push(socket);
        return socket;
      },
      fetch: (url) => {
        this.asked.push(url);
        return this.answer(url);
      },
      ...options,
    });
  }

  connected(options: HeatmapOptions = {}): HeatmapWebSocket {
    const made = this.heatmap(options);
    made.subscribe(["BTCUSDT"]);
    made.connect();
    this.newest().open();
    this.newest().say(PONG);
    this.newest().say(snapshot());
    return made;
  }

  /** Fails the first attempt and those after 2, 4, 8, 16 and 32 s. */
  failLadder(): void {
    this.newest().fail();
    for (const seconds of [2, 4, 8, 16, 32]) {
      this.clock.advance(seconds * 1_000);
      this.newest().fail();
    }
  }
}
