/**
 * The shell around the connection state machine: one socket of whichever carrier works, its
 * heartbeats, its retries, and the session id that lets it resume. It knows nothing of views; it
 * passes frames up and asks for the subscriptions.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import { messageOf } from "../../std/errors.ts";
import type { Random } from "../../std/random.ts";
import { isRefusal, REFUSALS } from "../../protocol/close-codes.ts";
import { decode, encodePlain } from "../../protocol/codec.ts";
import type { DownMessage } from "../../protocol/down.ts";
import type { InvalidSessionReason } from "../../protocol/messages/invalid-session.ts";
import type { SubscriptionRequest } from "../../protocol/messages/subscribe.ts";
import type { UpMessage } from "../../protocol/up.ts";
import { VERSIONS, versionFault } from "../../protocol/version.ts";
import {
  isConnected,
  LASTING_MS,
  transition,
  type ConnectionEvent,
  type ConnectionState,
} from "../connection-state.ts";
import type { Fetch, HttpScheduler } from "./http-scheduler.ts";
import { PollSocket } from "./poll-socket.ts";
import { CarrierChoice } from "./carrier-choice.ts";
import { Liveness } from "./liveness.ts";
import type { CarrierName, EngineConfig } from "../port.ts";
import { SseSocket } from "./sse-socket.ts";
import type { WebSocketConstructor, WebSocketLike } from "./websocket-like.ts";
import { LONG_POLL_MS } from "../limits.ts";

export interface ConnectionOptions {
  readonly config: EngineConfig;
  readonly WebSocket: WebSocketConstructor | undefined;
  readonly fetch: Fetch | undefined;
  readonly http: HttpScheduler;
  readonly clock: Clock;
  readonly random: Random;
  /** Asked anew for each connection. */
  readonly credentials: () => Promise<unknown>;
  /** The subscriptions to request now, each with its cursor. */
  readonly subscriptions: () => readonly SubscriptionRequest[];
  /** Frames of the stream; `bytes` is the length of the text. */
  readonly onMessage: (message: DownMessage, bytes: number) => void;
  /** Every frame in both directions, as text. */
  readonly onFrame: (direction: "up" | "down", text: string) => void;
  readonly onInvalid: (reason: InvalidSessionReason) => void;
  readonly onState: (state: ConnectionState) => void;
  /** With each heartbeat. */
  readonly onHeartbeat: () => void;
}

/** WebSocket's own close code for a frame that could not be understood. */
const PROTOCOL_ERROR = 1002;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #base: string;
  readonly #choice: CarrierChoice;
  readonly #liveness: Liveness;
  #state: ConnectionState = { kind: "idle" };
  #socket: WebSocketLike | undefined;
  #candidate: WebSocketLike | undefined;
  #token: string | undefined;
  #isHidden = false;
  #retry: Cancel | undefined;
  #upgrade: Cancel | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { config, clock } = options;
    this.#base = config.url.replace(/^ws/, "http").replace(/\/[^/]*$/, "");
    this.#choice = new CarrierChoice(config.carriers, config.carrierAttemptsMax);
    this.#liveness = new Liveness({
      clock,
      sendHeartbeat: (clientTimeMs) => this.#sendHeartbeat(clientTimeMs),
      onHeartbeat: options.onHeartbeat,
      onSilent: () => this.#on({ kind: "silent" }),
      isWatched: () => isConnected(this.#state) && !(this.isPolling && this.#isHidden),
    });
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get carrier(): CarrierName {
    return this.#choice.current;
  }

  /** Each request names all subscriptions, and nothing can be sent between two requests. */
  get isPolling(): boolean {
    return this.#socket instanceof PollSocket;
  }

  /** Server time minus ours, from the heartbeat, less half its round trip. */
  get clockOffsetMs(): number {
    return this.#liveness.clockOffsetMs;
  }

  get roundTripMs(): number | undefined {
    return this.#liveness.roundTripMs;
  }

  start(): void {
    this.#on({ kind: "start" });
  }

  stop(): void {
    this.#on({ kind: "stop" });
  }

  /**
   * The network may have changed: a waiting connection retries now, an open one is checked soon.
   */
  networkChanged(isBack: boolean): void {
    if (isBack) this.#on({ kind: "online" });
    if (this.#state.kind === "open") this.#liveness.beat();
  }

  setHidden(isHidden: boolean): void {
    this.#isHidden = isHidden;
    if (this.#socket instanceof PollSocket) this.#socket.setHidden(isHidden);
    if (this.isPolling) this.#liveness.watch();
    else if (!isHidden) this.networkChanged(false);
  }

  /** Sends when open; otherwise nothing, since a new connection starts with a fresh IDENTIFY. */
  send(message: UpMessage): void {
    if (this.#state.kind === "open") this.#say(message);
  }

  #say(message: UpMessage): void {
    const text = encodePlain(message);
    this.#options.onFrame("up", text);
    this.#socket?.send(text);
  }

  /** Ends a long poll's wait: a write may be visible although no view has changed. */
  catchUp(): void {
    if (this.#socket instanceof PollSocket) this.#socket.pollNow();
  }

  #on(event: ConnectionEvent): void {
    const { clock, random, config, onState } = this.#options;
    const before = this.#state;
    const after = transition(before, event, {
      nowMs: clock.now(),
      chance: random.next(),
      backoff: config.backoff,
    });
    if (after === before) return;
    if (after.kind === "waiting" && before.kind !== "waiting") this.#noteLoss(before, event);
    this.#state = after;
    this.#enter(after);
    onState(after);
  }

  #enter(state: ConnectionState): void {
    const { clock, random } = this.#options;
    switch (state.kind) {
      case "connecting":
        this.#retry?.();
        this.#liveness.watch(this.#options.config.limits.handshakeMs);
        this.#adopt(this.#open(this.carrier));
        return;
      case "identifying":
        this.#liveness.watch(this.#options.config.limits.handshakeMs);
        void this.#identify();
        return;
      case "waiting":
        this.#dropSocket();
        this.#retry = clock.after(state.retryAtMs - clock.now(), () => this.#on({ kind: "retry" }));
        return;
      case "refused":
      case "stopped":
        this.#retry?.();
        this.#dropSocket();
        return;
      case "open":
        this.#liveness.watch();
        this.#liveness.beginHeartbeats(random.next());
        this.#scheduleUpgrade();
        return;
      case "idle":
      case "greeting":
        return;
    }
  }

  #noteLoss(before: ConnectionState, event: ConnectionEvent): void {
    if (event.kind === "reconnect") return;
    const wasOpen = before.kind === "open";
    const hasLasted = wasOpen && this.#options.clock.now() - before.sinceMs >= LASTING_MS;
    if (this.#choice.lost({ wasOpen, hasLasted })) void this.#askWhetherReachable(this.carrier);
  }

  async #askWhetherReachable(carrier: CarrierName): Promise<void> {
    const { fetch } = this.#options;
    try {
      const response = await fetch?.(`${this.#base}/changes`, { cache: "no-store" });
      // Tidemark itself refuses a request without channels; any other answer is a proxy's.
      const isTidemark =
        response !== undefined &&
        ((await response.json()) as { code?: unknown }).code === "BAD_MESSAGE";
      if (!isTidemark || this.carrier !== carrier || this.#state.kind !== "waiting") return;
      this.#choice.next();
      // Every carrier has failed once, so the server is the cause, and the next attempt waits.
      if (!this.#choice.isFirst) this.#on({ kind: "retry" });
    } catch {
      // The server is not reachable at all, so the retries continue.
    }
  }

  #open(carrier: CarrierName): WebSocketLike | undefined {
    const { WebSocket, fetch, http, clock, config } = this.#options;
    if (carrier === "websocket") return WebSocket && new WebSocket(config.url);
    if (fetch === undefined) return undefined;
    const shared = { base: this.#base, fetch, http };
    if (carrier === "sse") return new SseSocket(shared);
    // A socket that was given up while the page looked up credentials must not identify for its
    // successor.
    const identify = async (): Promise<string | undefined> => {
      const credentials = await this.#options.credentials();
      return this.#socket === poll ? encodePlain(this.#identification(credentials)) : undefined;
    };
    const onPoll = (): void =>
      this.#liveness.watch(this.#options.config.limits.handshakeMs + 2 * LONG_POLL_MS);
    const poll: PollSocket = new PollSocket({
      ...shared,
      clock,
      identify,
      onPoll,
      pollIntervalMs: config.pollIntervalMs,
      waitMs: carrier === "poll" ? 0 : LONG_POLL_MS,
    });
    if (this.#isHidden) poll.setHidden(true);
    return poll;
  }

  #adopt(socket: WebSocketLike | undefined): void {
    this.#socket = socket;
    if (socket === undefined)
      return this.#on({ kind: "closed", code: 1006, reason: "this platform can't open one" });
    // Events of a socket that was given up must not reach its successor's state.
    const current = (handle: () => void) => (): void => {
      if (this.#socket === socket) handle();
    };
    socket.onopen = current(() => this.#on({ kind: "opened" }));
    socket.onmessage = ({ data }) => {
      if (this.#socket === socket) this.#receive(String(data));
    };
    socket.onclose = ({ code, reason }) =>
      current(() => this.#on({ kind: "closed", code, reason }))();
    // A close event follows every error.
    socket.onerror = () => {};
  }

  async #identify(): Promise<void> {
    const socket = this.#socket;
    try {
      const credentials = await this.#options.credentials();
      if (this.#socket === socket && this.#state.kind === "identifying")
        this.#say(this.#identification(credentials));
    } catch (error) {
      // The carrier is not to blame.
      this.#choice.forgive();
      if (this.#socket === socket)
        this.#on({ kind: "closed", code: 1000, reason: `no credentials: ${messageOf(error)}` });
    }
  }

  #identification(credentials: unknown): UpMessage {
    const subscriptions = this.#options.subscriptions();
    const rest = {
      ...VERSIONS,
      ...(credentials !== undefined && { auth: credentials }),
      subscriptions,
    };
    if (this.#token === undefined) return { op: "IDENTIFY", ...rest };
    // Without `last_seq`, which would also acknowledge for views that have been opened since.
    return { op: "RESUME", session_id: this.#token, ...rest };
  }

  #receive(text: string): void {
    this.#options.onFrame("down", text);
    if (this.#state.kind === "open") this.#liveness.watch();
    const message = decode(text);
    if (message === undefined)
      return this.#on({
        kind: "closed",
        code: PROTOCOL_ERROR,
        reason: "a frame could not be understood",
      });
    switch (message.op) {
      case "HELLO": {
        const fault = versionFault("server", message);
        if (fault !== undefined)
          return this.#on({ kind: "closed", code: REFUSALS.PROTOCOL_MISMATCH, reason: fault });
        this.#liveness.greeted(message);
        return this.#on({ kind: "hello" });
      }
      case "HEARTBEAT_ACK":
        this.#token = message.session_id ?? this.#token;
        return this.#liveness.answered(message);
      case "RECONNECT":
        return this.#on({ kind: "reconnect", retryAfterMs: message.retry_after_ms });
      case "INVALID_SESSION":
        this.#token = undefined;
        this.#options.onInvalid(message.reason);
        return this.#on({ kind: "invalid" });
      case "DISPATCH":
        if (message.type === "READY" || message.type === "RESUMED") {
          this.#token = message.session_id;
          this.#on({ kind: "ready" });
        }
        // Before READY the client does not know which history a frame belongs to.
        if (this.#state.kind === "open") this.#options.onMessage(message, text.length);
        return;
      case "ERROR":
        // Over HTTP there is no close code to say so.
        if (isRefusal(message.code))
          return this.#on({
            kind: "closed",
            code: REFUSALS[message.code],
            reason: message.message,
          });
        return this.#options.onMessage(message, text.length);
    }
  }

  #sendHeartbeat(clientTimeMs: number): boolean {
    if (this.isPolling) return false;
    this.send({ op: "HEARTBEAT", client_time_unix_ms: clientTimeMs });
    return true;
  }

  /**
   * From a fallback, tries the best carrier now and then beside it, and changes over when it says
   * HELLO.
   */
  #scheduleUpgrade(): void {
    const { clock, config } = this.#options;
    this.#upgrade?.();
    if (!this.#choice.canUpgrade) return;
    this.#upgrade = clock.after(config.upgradeIntervalMs, () => this.#tryUpgrade());
  }

  #tryUpgrade(): void {
    if (this.#state.kind !== "open" || this.#isHidden) return this.#scheduleUpgrade();
    const candidate = this.#open("websocket");
    if (candidate === undefined) return;
    this.#candidate = candidate;
    const giveUp = (): void => {
      if (this.#candidate !== candidate) return;
      this.#candidate = undefined;
      cancel();
      candidate.close();
      this.#scheduleUpgrade();
    };
    const cancel = this.#options.clock.after(this.#options.config.limits.handshakeMs, giveUp);
    candidate.onclose = giveUp;
    candidate.onerror = () => {};
    candidate.onmessage = ({ data }) => {
      if (this.#candidate !== candidate || this.#state.kind !== "open") return giveUp();
      // The fallback works: a server that this client can't speak to must not take its place.
      const hello = decode(String(data));
      if (hello?.op !== "HELLO" || versionFault("server", hello) !== undefined) return giveUp();
      this.#candidate = undefined;
      cancel();
      this.#dropSocket();
      this.#choice.upgrade();
      this.#adopt(candidate);
      this.#on({ kind: "upgraded" });
      this.#receive(String(data));
    };
  }

  #dropSocket(): void {
    this.#liveness.stop();
    this.#upgrade?.();
    const sockets = [this.#socket, this.#candidate];
    this.#socket = undefined;
    this.#candidate = undefined;
    for (const socket of sockets) socket?.close();
  }
}
