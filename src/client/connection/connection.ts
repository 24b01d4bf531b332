/**
 * The shell around the connection state machine: one socket of whichever carrier works, its
 * heartbeats, its retries, and the session id that lets it resume. It knows nothing of views; it
 * passes frames up and asks for the subscriptions.
 */
import type { Cancel } from "../../std/clock.ts";
import { messageOf } from "../../std/errors.ts";
import { isRefusal, REFUSALS } from "../../protocol/close-codes.ts";
import { decode, encodePlain } from "../../protocol/codec.ts";
import type { UpMessage } from "../../protocol/up.ts";
import { versionFault } from "../../protocol/version.ts";
import {
  isConnected,
  LASTING_MS,
  transition,
  type ConnectionEvent,
  type Connecting,
  type ConnectionState,
} from "../connection-state.ts";
import { PollSocket } from "./poll-socket.ts";
import type { ConnectionOptions } from "./connection-options.ts";
import { CarrierChoice } from "./carrier-choice.ts";
import { CarrierUpgrade } from "./carrier-upgrade.ts";
import { identification } from "./identification.ts";
import { Liveness } from "./liveness.ts";
import { ServerProbe } from "./server-probe.ts";
import { ConnectionWarning } from "./warning.ts";
import type { CarrierName } from "../port.ts";
import { StreamAddress, type ReplayChange } from "./stream-address.ts";
import { SseSocket } from "./sse-socket.ts";
import type { WebSocketLike } from "./websocket-like.ts";
import { LONG_POLL_MS } from "../limits.ts";

/** WebSocket's own close code for a frame that could not be understood. */
const PROTOCOL_ERROR = 1002;

export class Connection {
  readonly #address: StreamAddress;
  readonly #options: ConnectionOptions;
  readonly #choice: CarrierChoice;
  readonly #liveness: Liveness;
  readonly #probe: ServerProbe;
  readonly #warning: ConnectionWarning;
  readonly #upgrade: CarrierUpgrade;
  #state: ConnectionState = { kind: "idle" };
  #socket: WebSocketLike | undefined;
  #token: string | undefined;
  #isHidden = false;
  #isOffline = false;
  #retry: Cancel | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { config, clock, fetch } = options;
    this.#address = new StreamAddress(config.url, config.replay);
    this.#choice = new CarrierChoice(config.carriers, config.carrierAttemptsMax);
    this.#probe = new ServerProbe(fetch);
    this.#warning = new ConnectionWarning(config.url, options.onWarning);
    this.#upgrade = new CarrierUpgrade({
      clock,
      intervalMs: config.upgradeIntervalMs,
      handshakeMs: config.limits.handshakeMs,
      isWanted: () => this.#state.kind === "open" && !this.#isHidden,
      open: () => this.#open("websocket"),
      onGreeted: (socket, hello) => {
        this.#dropSocket();
        this.#choice.upgrade();
        this.#adopt(socket);
        this.#on({ kind: "upgraded" });
        this.#receive(hello);
      },
    });
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

  /** The newest one, with which the session may be resumed. */
  get sessionId(): string | undefined {
    return this.#token;
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

  /** A user or the application asks for it: connects, or tries again without more delay. */
  connect(): void {
    this.#on({ kind: "start" });
    this.#on({ kind: "retry" });
  }

  /** Connects anew, at once, to another place of the past. */
  move(to: ReplayChange): void {
    this.#address.change(to);
    if (isConnected(this.#state)) this.#dropSocket();
    this.#on({ kind: "moved" });
  }

  /**
   * The network may have changed: a waiting connection retries now, an open one is checked soon.
   */
  networkChanged(isBack: boolean): void {
    this.#isOffline = !isBack;
    if (isBack) this.#on({ kind: "online" });
    this.#check();
  }

  setHidden(isHidden: boolean): void {
    this.#isHidden = isHidden;
    if (this.#socket instanceof PollSocket) this.#socket.setHidden(isHidden);
    if (this.isPolling) this.#liveness.watch();
    else if (!isHidden) {
      this.#on({ kind: "shown" });
      this.#check();
    }
  }

  #check(): void {
    if (this.#state.kind === "open") this.#liveness.beat();
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
      mayHurry: this.#isWatched && !this.#probe.isThere,
    });
    if (after === before) return;
    this.#state = after;
    this.#enter(after);
    if (after.kind === "waiting") this.#noteLoss(before, event);
    onState(after);
  }

  /** Somebody may look at the page, and it may have a network. */
  get #isWatched(): boolean {
    return !this.#isHidden && !this.#isOffline;
  }

  #enter(state: ConnectionState): void {
    const { clock, random } = this.#options;
    switch (state.kind) {
      case "connecting":
        this.#retry?.();
        this.#liveness.watch(this.#options.config.limits.handshakeMs);
        if (this.#isWatched && this.#mayAsk) void this.#askThenOpen(state);
        else this.#adopt(this.#open(this.carrier));
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
        this.#probe.connected();
        this.#warning.connected();
        this.#liveness.watch();
        this.#liveness.beginHeartbeats(random.next());
        if (this.#choice.canUpgrade) this.#upgrade.schedule();
        return;
      case "idle":
      case "greeting":
        return;
    }
  }

  #noteLoss(before: ConnectionState, { kind }: ConnectionEvent): void {
    this.#probe.failed();
    if (kind === "reconnect") return;
    // Where nothing gets through, the carrier is not to blame.
    if (kind === "away" || kind === "busy") return this.#choice.acquit();
    const wasOpen = before.kind === "open";
    const hasLasted = wasOpen && this.#options.clock.now() - before.sinceMs >= LASTING_MS;
    if (this.#choice.lost({ wasOpen, hasLasted })) void this.#askWhetherReachable(this.carrier);
  }

  /** Not before the answer that may change the carrier. */
  get #mayAsk(): boolean {
    return this.#probe.isDue && !(this.#probe.isAsking && this.#choice.hasOthers);
  }

  async #askThenOpen(attempt: Connecting): Promise<void> {
    const answer = await this.#probe.ask();
    if (this.#state !== attempt) return;
    this.#warning.answered(answer, this.#probe.failures, attempt.reason);
    if (answer.kind === "away" || answer.kind === "busy") return this.#on(answer);
    this.#adopt(this.#open(this.carrier));
  }

  async #askWhetherReachable(carrier: CarrierName): Promise<void> {
    const { kind } = await this.#probe.ask();
    const state = this.#state;
    const hasBegun = state.kind === "connecting";
    if (kind !== "tidemark" || this.carrier !== carrier) return;
    if (!hasBegun && state.kind !== "waiting") return;
    this.#choice.next();
    // Every carrier has failed once, so the server is the cause, and the next attempt waits.
    if (!hasBegun) return this.#choice.isFirst ? undefined : this.#on({ kind: "retry" });
    // The answer came late: the attempt that has begun with this carrier would fail as slowly.
    this.#dropSocket();
    this.#enter(state);
  }

  #open(carrier: CarrierName): WebSocketLike | undefined {
    const { WebSocket, fetch, http, clock, config } = this.#options;
    if (carrier === "websocket") return WebSocket && new WebSocket(this.#address.url);
    if (fetch === undefined) return undefined;
    const shared = { fetch, http };
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
      return this.#on({ kind: "closed", code: 1006, reason: "not supported on this platform" });
    // Events of a socket that was given up must not reach its successor's state.
    socket.onopen = () => {
      if (this.#socket === socket) this.#on({ kind: "opened" });
    };
    socket.onmessage = ({ data }) => {
      if (this.#socket === socket) this.#receive(String(data));
    };
    socket.onclose = ({ code, reason }) => {
      if (this.#socket === socket)
        this.#on({ kind: "closed", code, reason: reason || this.#probe.refusal });
    };
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
    return identification(this.#token, credentials, this.#options.subscriptions());
  }

  #receive(text: string): void {
    this.#options.onFrame("down", text);
    if (this.#state.kind === "open") this.#liveness.watch();
    const message = decode(text);
    if (message === undefined)
      return this.#on({
        kind: "closed",
        code: PROTOCOL_ERROR,
        reason: "invalid message from the server",
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
        if (message.type === "WATERMARK") this.#address.reached(message.seq);
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

  #dropSocket(): void {
    this.#probe.stop();
    this.#liveness.stop();
    this.#upgrade.stop();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }
}
