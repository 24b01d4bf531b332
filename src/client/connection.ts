/**
 * The shell around the connection state machine: one WebSocket, its heartbeats and its retries.
 * It knows nothing of views; it hands frames up and asks what to say in IDENTIFY.
 */
import type { Cancel, Clock } from "../std/clock.ts";
import { messageOf } from "../std/errors.ts";
import type { Random } from "../std/random.ts";
import type { DownMessage } from "../protocol/down.ts";
import type { UpMessage } from "../protocol/up.ts";
import { BACKOFF, transition, type Backoff, type ConnectionEvent, type ConnectionState } from "./connection-state.ts";

/** The part of the WebSocket interface that is used; browsers' and `ws`'s both fit. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export type WebSocketConstructor = new (url: string) => WebSocketLike;

export interface ConnectionOptions {
  readonly url: string;
  readonly WebSocket: WebSocketConstructor;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff?: Partial<Backoff>;
  /** Asked anew for each connection. */
  readonly credentials: () => unknown;
  /** What IDENTIFY says, at the moment when it is sent. */
  readonly identify: (credentials: unknown) => UpMessage;
  /** Frames other than HELLO and HEARTBEAT_ACK; `bytes` is the length of the text. */
  readonly onMessage: (message: DownMessage, bytes: number) => void;
  readonly onState: (state: ConnectionState) => void;
}

/** Silence beyond the heartbeat interval after which the connection counts as dead. */
const SILENCE_GRACE_MS = 5_000;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #backoff: Backoff;
  #state: ConnectionState = { kind: "idle" };
  #socket: WebSocketLike | undefined;
  #retry: Cancel | undefined;
  #heartbeat: Cancel | undefined;
  #silence: Cancel | undefined;
  #heartbeatMs = 15_000;
  #clockOffsetMs = 0;
  #roundTripMs: number | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#backoff = { ...BACKOFF, ...options.backoff };
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Server time minus ours, from the heartbeat with half its round trip taken off. */
  get clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  start(): void {
    this.#on({ kind: "start" });
  }

  stop(): void {
    this.#on({ kind: "stop" });
  }

  /** The network is said to be back: try now instead of waiting. */
  online(): void {
    this.#on({ kind: "online" });
  }

  /** Sends when open; otherwise nothing, since a new connection starts with a fresh IDENTIFY. */
  send(message: UpMessage): void {
    if (this.#state.kind === "open") this.#socket?.send(JSON.stringify(message));
  }

  #on(event: ConnectionEvent): void {
    const { clock, random } = this.#options;
    const before = this.#state;
    const after = transition(before, event, { nowMs: clock.now(), chance: random.next(), backoff: this.#backoff });
    if (after === before) return;
    this.#state = after;
    this.#enter(after);
    this.#options.onState(after);
  }

  #enter(state: ConnectionState): void {
    switch (state.kind) {
      case "connecting":
        this.#retry?.();
        this.#open();
        return;
      case "identifying":
        void this.#identify();
        return;
      case "waiting":
        this.#dropSocket();
        this.#retry = this.#options.clock.after(state.retryAtMs - this.#options.clock.now(), () => this.#on({ kind: "retry" }));
        return;
      case "refused":
      case "stopped":
        this.#retry?.();
        this.#dropSocket();
        return;
      case "open":
        // The first heartbeat comes at a moment of its own, so that many clients spread out.
        this.#scheduleHeartbeat(this.#heartbeatMs * this.#options.random.next() * 0.2);
        return;
      case "idle":
      case "greeting":
        return;
    }
  }

  #open(): void {
    const socket = new this.#options.WebSocket(this.#options.url);
    this.#socket = socket;
    // Events of a socket that was given up must not reach its successor's state.
    const current = (handle: () => void) => (): void => {
      if (this.#socket === socket) handle();
    };
    socket.onopen = current(() => this.#on({ kind: "opened" }));
    socket.onmessage = ({ data }) => {
      if (this.#socket === socket) this.#receive(String(data));
    };
    socket.onclose = ({ code, reason }) => current(() => this.#on({ kind: "closed", code, reason }))();
    // A close event follows every error.
    socket.onerror = () => {};
    this.#armSilence();
  }

  async #identify(): Promise<void> {
    const socket = this.#socket;
    try {
      const credentials = await this.#options.credentials();
      if (this.#socket === socket && this.#state.kind === "identifying") socket?.send(JSON.stringify(this.#options.identify(credentials)));
    } catch (error) {
      if (this.#socket === socket) this.#on({ kind: "closed", code: 1000, reason: `no credentials: ${messageOf(error)}` });
    }
  }

  #receive(text: string): void {
    this.#armSilence();
    const message = JSON.parse(text) as DownMessage;
    if (message.op === "HELLO") {
      this.#heartbeatMs = message.heartbeat_interval_ms;
      this.#clockOffsetMs = message.server_time_unix_ms - this.#options.clock.now();
      this.#on({ kind: "hello", sessionId: message.session_id });
      return;
    }
    if (message.op === "HEARTBEAT_ACK") {
      const nowMs = this.#options.clock.now();
      const sentMs = message.client_time_unix_ms ?? nowMs;
      this.#roundTripMs = nowMs - sentMs;
      this.#clockOffsetMs = message.server_time_unix_ms - (sentMs + nowMs) / 2;
      return;
    }
    if (message.op === "DISPATCH" && message.type === "READY") this.#on({ kind: "ready" });
    this.#options.onMessage(message, text.length);
  }

  #scheduleHeartbeat(delayMs: number): void {
    this.#heartbeat?.();
    this.#heartbeat = this.#options.clock.after(delayMs, () => {
      this.send({ op: "HEARTBEAT", client_time_unix_ms: this.#options.clock.now() });
      this.#scheduleHeartbeat(this.#heartbeatMs);
    });
  }

  #armSilence(): void {
    this.#silence?.();
    this.#silence = this.#options.clock.after(this.#heartbeatMs + SILENCE_GRACE_MS, () => this.#on({ kind: "silent" }));
  }

  #dropSocket(): void {
    this.#heartbeat?.();
    this.#silence?.();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }
}
