/**
 * The messages of one address, over one connection after another.
 *
 *     connecting ──▶ up ──▶ up, with a second connection ──▶ up on the second
 *         ▲          │
 *         └─ pause ──┘ lost
 *
 * Before Binance closes a connection by its age, a second one is opened. Its messages are held
 * until a ping is answered that was sent on the first one after the second was open: then all that
 * only the first one carried has been read. What both carried has the same ids; readers skip it.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { Random } from "../../std/random.ts";
import { Connection } from "../socket/connection.ts";
import type { BinanceLimits } from "./limits.ts";
import type { Transport } from "./transport.ts";

export interface FeedOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly limits: BinanceLimits;
  readonly onMessage: (text: string) => void;
  /** All messages that Binance sent before `pingedMs` of the monotonic clock have been given. */
  readonly onPong: (pingedMs: number) => void;
  /** Messages come from here on; those of the time before are lost. */
  readonly onUp: () => void;
  readonly onDown: (reason: string) => void;
}

export class Feed {
  readonly #options: FeedOptions;
  #current: Connection | undefined;
  /** Why there is no open connection; undefined where there is one. */
  #downReason: string | undefined = "connecting to Binance";
  /** The second connection of a rotation. */
  #next: Connection | undefined;
  #held: string[] = [];
  #barrier: number | undefined;
  #attempts = 0;
  #isPaused = false;
  #isStopped = false;
  #cancelReconnect: Cancel = () => {};
  #cancelRotation: Cancel = () => {};
  #cancelSettle: Cancel = () => {};

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Why no messages come; undefined while they come. */
  get downReason(): string | undefined {
    return this.#downReason;
  }

  start(): void {
    this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelReconnect();
    this.#cancelRotation();
    this.#dropNext();
    this.#current?.close();
    this.#current = undefined;
  }

  /** While paused, the sender waits. */
  setPaused(isPaused: boolean): void {
    this.#isPaused = isPaused;
    this.#current?.setPaused(isPaused);
  }

  /** Opens a second connection that replaces the present one. */
  rotate(): void {
    this.#cancelRotation();
    if (this.#isStopped || this.#next !== undefined || this.#current?.isOpen !== true) return;
    const next: Connection = this.#open({
      onOpen: () => {
        this.#cancelSettle = this.#options.clock.after(this.#options.limits.settleMs, () =>
          this.#setBarrier(),
        );
      },
      onMessage: (text) => {
        if (this.#next !== next) return this.#options.onMessage(text);
        this.#held.push(text);
        if (this.#held.length > this.#options.limits.heldMessagesMax) this.#switchOver("lossy");
        else this.#setBarrier();
      },
    });
    this.#next = next;
  }

  #open(handlers: {
    readonly onOpen: () => void;
    readonly onMessage: (text: string) => void;
  }): Connection {
    const { url, clock, transport, limits, onPong } = this.#options;
    const connection: Connection = new Connection({
      url,
      clock,
      open: (address, handlers, lengthMax) => transport.open(address, handlers, lengthMax),
      limits,
      ...handlers,
      onPong: (pingedMs, pingId) => {
        if (connection !== this.#current) return;
        onPong(pingedMs);
        if (this.#barrier !== undefined && pingId >= this.#barrier) this.#switchOver("whole");
      },
      onEnd: (reason) => this.#onEnd(connection, reason),
    });
    return connection;
  }

  #connect(): void {
    this.#current = this.#open({
      onOpen: () => {
        this.#downReason = undefined;
        this.#scheduleRotation();
        this.#current?.setPaused(this.#isPaused);
        this.#options.onUp();
      },
      onMessage: (text) => {
        // A server that accepts connections and closes them is not asked again at once.
        this.#attempts = 0;
        this.#options.onMessage(text);
      },
    });
  }

  #onEnd(connection: Connection, reason: string): void {
    if (connection === this.#next) {
      this.#dropNext();
      this.#rotateLater(this.#options.limits.reconnectMsMax);
    } else if (connection === this.#current) {
      this.#cancelRotation();
      if (this.#next?.isOpen === true) return this.#switchOver("lossy");
      this.#dropNext();
      this.#current = undefined;
      this.#downReason = reason;
      this.#cancelReconnect = this.#options.clock.after(this.#pauseMs(), () => this.#connect());
      this.#options.onDown(reason);
    }
  }

  /** The next pause, which grows with each attempt that brought no message. */
  #pauseMs(): number {
    const { limits, random } = this.#options;
    const fullMs = Math.min(limits.reconnectMsMax, limits.reconnectBaseMs * 2 ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, 30);
    return fullMs * (0.5 + random.next() / 2);
  }

  #scheduleRotation(): void {
    const { limits, random } = this.#options;
    this.#rotateLater(limits.rotateMs - limits.rotateSpreadMs * random.next());
  }

  #rotateLater(delayMs: number): void {
    this.#cancelRotation();
    this.#cancelRotation = this.#options.clock.after(delayMs, () => this.rotate());
  }

  #setBarrier(): void {
    this.#cancelSettle();
    if (this.#barrier === undefined) this.#barrier = this.#current?.ping();
  }

  /**
   * The second connection becomes the only one; `lossy` where the first has not answered the ping,
   * so that messages that only it carried may be lost.
   */
  #switchOver(kind: "whole" | "lossy"): void {
    const next = this.#next;
    const held = this.#held;
    if (next === undefined) return;
    this.#current?.close();
    this.#current = next;
    this.#next = undefined;
    this.#dropNext();
    next.setPaused(this.#isPaused);
    this.#scheduleRotation();
    if (kind === "lossy") this.#options.onUp();
    for (const text of held) this.#options.onMessage(text);
  }

  #dropNext(): void {
    this.#cancelSettle();
    this.#next?.close();
    this.#next = undefined;
    this.#held = [];
    this.#barrier = undefined;
  }
}
