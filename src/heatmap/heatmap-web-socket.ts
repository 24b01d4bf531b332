/**
 * A heatmap for pages that have no build step: whole data for each symbol, over `WS /ws/heatmap`,
 * or over its REST twin while no socket can be had. It promises to tell its status throughout, and
 * to end all timers, sockets and requests at `disconnect()`. `heatmap-state.ts` decides; this file
 * does what the states mean.
 */
import { systemClock, type Cancel, type Clock } from "../std/clock.ts";
import { Freshness } from "./freshness.ts";
import {
  DISCONNECTED,
  statusOf,
  transition,
  type HeatmapEvent,
  type HeatmapState,
  type HeatmapStatus,
} from "./heatmap-state.ts";
import {
  parseMessage,
  type HeatmapData,
  type HeatmapError,
  type ServerMessage,
} from "./messages.ts";
import { Polls, type Fetch } from "./polls.ts";
import { SocketLine, type HeatmapSocket } from "./socket-line.ts";

/** An attempt that has heard nothing for this long has failed. */
const ATTEMPT_MS_MAX = 10_000;
/** A silent server is asked for a sign of life this often, and given up after that long. */
const PING_MS = 10_000;
const SILENCE_MS_MAX = 30_000;
/** How often the silence of the server and the age of data are looked at. */
const LOOK_MS = 1_000;
const SYMBOLS_MAX = 64;

export interface HeatmapStatusDetail {
  /** Why, in a sentence: of `reconnecting`, `polling` and `stale`. */
  readonly reason: string | undefined;
}

export interface HeatmapOptions {
  /** Gets the whole data of a symbol, each time that it has changed. */
  readonly onSnapshot?: (data: HeatmapData) => void;
  readonly onStatusChange?: (status: HeatmapStatus, detail: HeatmapStatusDetail) => void;
  /** What the server refuses. A refused symbol is told once per connection; the others go on. */
  readonly onError?: (error: HeatmapError) => void;
  /** The address of the REST twin. Default: `/api/heatmap` on the socket's server. */
  readonly restUrl?: string;
  /** How often the REST twin is asked while there is no socket. Default 5,000. */
  readonly pollMs?: number;
  /** Data that has not come for this long is stale. Default 20,000. */
  readonly staleMs?: number;
  /** What the server sends after the first whole data. Default `changes`, which is smaller. */
  readonly mode?: "whole" | "changes";
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly createSocket?: (url: string) => HeatmapSocket;
  /** For tests. */
  readonly fetch?: Fetch;
}

export class HeatmapWebSocket {
  readonly #url: string;
  readonly #options: HeatmapOptions;
  readonly #clock: Clock;
  readonly #staleMs: number;
  readonly #symbols: Freshness;
  readonly #polls: Polls;
  #state: HeatmapState = DISCONNECTED;
  #told: HeatmapStatus = "disconnected";
  #lossReason: string | undefined;
  #staleReason: string | undefined;
  #line: SocketLine | undefined;
  #heardMs = 0;
  #pingedMs = 0;
  /** Of the state's own time. */
  #due: Cancel | undefined;
  #look: Cancel | undefined;

  /** @throws TypeError for an address that is none */
  constructor(url: string, options: HeatmapOptions = {}) {
    const socketUrl = absolute(url, "ws");
    this.#url = socketUrl.href;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#staleMs = options.staleMs ?? 20_000;
    this.#symbols = new Freshness(this.#staleMs);
    this.#polls = new Polls({
      url: new URL(options.restUrl ?? "/api/heatmap", absolute(this.#url, "http")),
      everyMs: options.pollMs ?? 5_000,
      clock: this.#clock,
      fetch: options.fetch ?? ((address, init) => fetch(address, init)),
      symbols: () => this.#symbols.symbols,
      onData: (data) => {
        this.#show(this.#symbols.take(data, this.#clock.monotonic()));
        this.#judge();
      },
      onRefusal: (error) => this.#refuse(error),
      onFailure: () => this.#judge(),
    });
  }

  get status(): HeatmapStatus {
    return statusOf(this.#state);
  }

  /** The symbol's newest data, if any has come. */
  data(symbol: string): HeatmapData | undefined {
    return this.#symbols.data(symbol);
  }

  /** Does nothing when it is connected or tries to be. */
  connect(): void {
    this.#go({ kind: "connect" });
  }

  /** Ends the connection, and all attempts and polls. `connect()` begins again. */
  disconnect(): void {
    this.#go({ kind: "disconnect" });
  }

  /** Symbols stay subscribed over all connections. @throws RangeError for more than 64 */
  subscribe(symbols: readonly string[]): void {
    const added = namesIn(symbols).filter((symbol) => !this.#symbols.has(symbol));
    if (this.#symbols.symbols.length + added.length > SYMBOLS_MAX)
      throw new RangeError(`At most ${SYMBOLS_MAX} symbols can be subscribed.`);
    for (const symbol of added) {
      this.#symbols.add(symbol, this.#clock.monotonic());
      this.#polls.ask(symbol);
    }
    this.#sendSubscribe(added);
  }

  unsubscribe(symbols: readonly string[]): void {
    const dropped = namesIn(symbols).filter((symbol) => this.#symbols.has(symbol));
    if (dropped.length === 0) return;
    for (const symbol of dropped) {
      this.#symbols.delete(symbol);
      this.#polls.drop(symbol);
    }
    this.#line?.send({ type: "unsubscribe", symbols: dropped });
    this.#judge();
  }

  #go(event: HeatmapEvent): void {
    const before = this.#state;
    const state = transition(before, event, this.#clock.monotonic());
    if (state === before) return;
    this.#state = state;
    const status = statusOf(state);
    if (status !== this.#told) {
      this.#told = status;
      this.#tell(status);
    }
    // The callback may have led on, to `disconnect()` for one.
    if (this.#state === state && state.kind !== before.kind) this.#enter(state, before);
  }

  #tell(status: HeatmapStatus): void {
    const { onStatusChange } = this.#options;
    let reason: string | undefined;
    if (status === "stale") reason = this.#staleReason;
    else if (status === "reconnecting" || status === "polling") reason = this.#lossReason;
    call(() => onStatusChange?.(status, { reason }));
  }

  /** Does what a state means: which of socket, polls and timers it has. */
  #enter(state: HeatmapState, before: HeatmapState): void {
    const nowMs = this.#clock.monotonic();
    this.#due?.();
    this.#due = undefined;
    switch (state.kind) {
      case "disconnected":
        this.#line?.drop();
        this.#polls.stop();
        this.#endLooks();
        return;
      case "connecting":
      case "probing":
        this.#openLine();
        this.#due = this.#clock.after(ATTEMPT_MS_MAX, () =>
          this.#lose(
            this.#line?.isOpen === true
              ? "The server says nothing."
              : "The server does not answer.",
          ),
        );
        return;
      case "connected":
        this.#polls.stop();
        this.#symbols.begin(nowMs);
        this.#startLooks();
        return;
      case "waiting":
        this.#endLooks();
        this.#due = this.#clock.after(state.dueMs - nowMs, () => this.#go({ kind: "due" }));
        return;
      case "polling":
        this.#due = this.#clock.after(state.dueMs - nowMs, () => this.#go({ kind: "due" }));
        if (before.kind === "probing") return;
        this.#symbols.begin(nowMs);
        this.#polls.start();
        this.#startLooks();
        return;
    }
  }

  #startLooks(): void {
    this.#endLooks();
    const look = (): void => {
      this.#look = this.#clock.after(LOOK_MS, look);
      this.#ask();
      this.#judge();
    };
    this.#look = this.#clock.after(LOOK_MS, look);
  }

  #endLooks(): void {
    this.#look?.();
    this.#look = undefined;
  }

  /** Asks a silent server for a sign of life, and gives it up in the end. */
  #ask(): void {
    if (this.#state.kind !== "connected") return;
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#heardMs >= SILENCE_MS_MAX) this.#lose("The server says nothing.");
    else if (nowMs - Math.max(this.#heardMs, this.#pingedMs) >= PING_MS) this.#ping();
  }

  /** Is what is shown still current? */
  #judge(): void {
    const nowMs = this.#clock.monotonic();
    const { kind } = this.#state;
    if (kind === "connected")
      this.#staleReason =
        nowMs - this.#heardMs >= this.#staleMs
          ? "The server says nothing."
          : this.#symbols.staleOverSocket(nowMs);
    else this.#staleReason = this.#symbols.staleOverPolls(nowMs);
    this.#go({ kind: this.#staleReason === undefined ? "fresh" : "stale" });
  }

  #openLine(): void {
    const { createSocket = openWebSocket } = this.#options;
    this.#line = new SocketLine({
      create: () => createSocket(this.#url),
      clock: this.#clock,
      onOpen: () => {
        // Any server answers a ping, also one that has no data yet.
        this.#ping();
        this.#sendSubscribe(this.#symbols.symbols);
      },
      onText: (text) => this.#hear(text),
      onEnd: (reason) => this.#lose(reason),
    });
  }

  #lose(reason: string): void {
    this.#line?.drop();
    this.#lossReason = reason;
    this.#go({ kind: "closed" });
  }

  #hear(text: unknown): void {
    const message = parseMessage(text);
    // A server that sends only garbage is a silent one.
    if (message === undefined) return;
    this.#heardMs = this.#clock.monotonic();
    this.#go({ kind: "heard" });
    if (this.#state.kind !== "connected") return;
    this.#take(message);
    this.#judge();
  }

  #take(message: ServerMessage): void {
    switch (message.type) {
      case "snapshot":
        this.#show(this.#symbols.take(message.data, this.#clock.monotonic()));
        return;
      case "changes": {
        const { symbol, data } = message;
        this.#show(this.#symbols.change(symbol, data, this.#clock.monotonic()));
        return;
      }
      case "status":
        this.#symbols.takeStatus(message.status, message.reason);
        return;
      case "error":
        this.#refuse(message.error);
        return;
      case "other":
        return;
    }
  }

  #show(data: HeatmapData | undefined): void {
    const { onSnapshot } = this.#options;
    if (data !== undefined) call(() => onSnapshot?.(data));
  }

  #refuse(error: HeatmapError): void {
    const { onError } = this.#options;
    if (this.#symbols.refuse(error.symbol)) call(() => onError?.(error));
    this.#judge();
  }

  #sendSubscribe(symbols: readonly string[]): void {
    if (symbols.length === 0) return;
    this.#line?.send({ type: "subscribe", symbols, mode: this.#options.mode ?? "changes" });
  }

  #ping(): void {
    this.#pingedMs = this.#clock.monotonic();
    this.#line?.send({ type: "ping" });
  }
}

/** An address, relative to the page's, with this scheme; secure where the address is. */
function absolute(url: string, scheme: "ws" | "http"): URL {
  const parsed = new URL(url, typeof document === "undefined" ? undefined : document.baseURI);
  parsed.protocol = /^(?:https|wss):$/.test(parsed.protocol) ? `${scheme}s:` : `${scheme}:`;
  return parsed;
}

function openWebSocket(url: string): HeatmapSocket {
  return new WebSocket(url) as HeatmapSocket;
}

function namesIn(symbols: readonly string[]): readonly string[] {
  if (!Array.isArray(symbols) || symbols.some((symbol) => typeof symbol !== "string"))
    throw new TypeError("Symbols are an array of texts.");
  return [...new Set(symbols)];
}

/** An error in the page's own code must not end the connection. */
function call(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    console.error(error);
  }
}
