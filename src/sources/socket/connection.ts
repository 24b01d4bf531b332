/**
 * One WebSocket to a server of others, with what tells whether it is alive: a deadline for opening,
 * pings that must be answered, and a longest silence. It ends once, with a reason.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { MessageSocket, OpenSocket } from "./message-socket.ts";

/** In milliseconds and characters. */
interface ConnectionLimits {
  readonly openMsMax: number;
  readonly pingMs: number;
  readonly pongMsMax: number;
  readonly silenceMsMax: number;
  readonly messageLengthMax: number;
}

export interface ConnectionOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly open: OpenSocket;
  readonly limits: ConnectionLimits;
  readonly onOpen: () => void;
  readonly onMessage: (text: string) => void;
  /**
   * All messages that were sent before `pingedMs` of the monotonic clock have arrived. `pingId`
   * is what `ping` returned.
   */
  readonly onPong: (pingedMs: number, pingId: number) => void;
  readonly onEnd: (reason: string) => void;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #socket: MessageSocket;
  readonly #startedMs: number;
  /** Pings without a pong, oldest first: at most one per `pingMs`, and one of a rotation. */
  #pings: readonly { readonly id: number; readonly atMs: number }[] = [];
  #pingCount = 0;
  #heardMs: number;
  #isOpen = false;
  #isPaused = false;
  #isEnded = false;
  #cancelWatch: Cancel = () => {};

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const { clock, open, url, limits } = options;
    this.#startedMs = clock.monotonic();
    this.#heardMs = this.#startedMs;
    this.#socket = open(
      url,
      {
        onOpen: () => this.#onOpen(),
        onMessage: (text) => {
          if (this.#isEnded) return;
          this.#heardMs = clock.monotonic();
          options.onMessage(text);
        },
        onPong: (text) => {
          const answered = this.#pings.find(({ id }) => String(id) === text);
          if (answered === undefined || this.#isEnded) return;
          this.#pings = this.#pings.filter(({ id }) => id > answered.id);
          options.onPong(answered.atMs, answered.id);
        },
        onClose: (reason) => this.#end(reason),
      },
      limits.messageLengthMax,
    );
    this.#watchLater();
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.#isEnded;
  }

  /** Sends a ping, and returns its id, by which `onPong` names it. */
  ping(): number {
    const { clock } = this.#options;
    const id = ++this.#pingCount;
    this.#pings = [...this.#pings, { id, atMs: clock.monotonic() }];
    this.#socket.ping(String(id));
    return id;
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  /** Ends it with this reason. */
  fail(reason: string): void {
    this.#end(reason);
  }

  setPaused(isPaused: boolean): void {
    if (this.#isPaused === isPaused || !this.isOpen) return;
    this.#isPaused = isPaused;
    if (isPaused) this.#socket.pause();
    else {
      // What arrived meanwhile has not been read.
      this.#heardMs = this.#options.clock.monotonic();
      this.#pings = [];
      this.#socket.resume();
    }
  }

  /** Closes without calling `onEnd`. */
  close(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelWatch();
    this.#socket.close();
  }

  #onOpen(): void {
    if (this.#isEnded) return;
    this.#isOpen = true;
    this.#heardMs = this.#options.clock.monotonic();
    this.#options.onOpen();
    if (this.isOpen) this.ping();
  }

  #end(reason: string): void {
    if (this.#isEnded) return;
    this.close();
    this.#options.onEnd(reason);
  }

  #watchLater(): void {
    this.#cancelWatch = this.#options.clock.after(this.#options.limits.pingMs, () => {
      const reason = this.#isPaused ? undefined : this.#fault();
      if (reason !== undefined) return this.#end(reason);
      if (this.isOpen && !this.#isPaused) this.ping();
      this.#watchLater();
    });
  }

  /** Why the connection counts as lost, where it does. */
  #fault(): string | undefined {
    const { clock, limits } = this.#options;
    const now = clock.monotonic();
    if (!this.#isOpen)
      return now - this.#startedMs >= limits.openMsMax
        ? `not open after ${limits.openMsMax} ms`
        : undefined;
    const oldest = this.#pings[0];
    if (oldest !== undefined && now - oldest.atMs >= limits.pongMsMax)
      return `no answer to a ping for ${limits.pongMsMax} ms`;
    return now - this.#heardMs >= limits.silenceMsMax
      ? `no message for ${limits.silenceMsMax} ms`
      : undefined;
  }
}
