/**
 * A simulated network between clients and nodes. A link carries frames in order, with latency,
 * through a small window; further frames stay in the server's buffer, as with a real socket. All
 * faults of connections are injected here.
 */
import type { Random } from "../src/std/random.ts";
import type { Gateway } from "../src/server/session/gateway.ts";
import type { Frame } from "../src/server/turn/frame.ts";
import type { Session, Transport } from "../src/server/turn/session.ts";
import type { FaultCounts } from "./faults.ts";
import type { ActorClock, Scheduler } from "./scheduler.ts";

/** How a client reads. */
export interface ReadPace {
  /** Milliseconds per frame; 0 reads at once. */
  frameMs: number;
  isStalled: boolean;
}

/** Is told what happens to frames, for the checks. */
export interface FrameObserver {
  /** A frame was lost on its way to the client. */
  onLost(frame: string): void;
  /** A value in a frame was changed. */
  onCorrupted(frame: string): void;
  /** The client has handled a frame; `sentMs` is when the server sent it. */
  onDelivered(frame: string, sentMs: number): void;
}

/**
 * Frames in the network that the client has not read, at most; further ones stay in the server's
 * buffer.
 */
const WINDOW = 3;

/** The server's end. */
interface LinkEnd {
  readonly clock: ActorClock;
  readonly engine: { readonly gateway: Pick<Gateway, "receive" | "disconnected"> };
}

export interface LinkOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly faults: FaultCounts;
  readonly clientClock: ActorClock;
  readonly readPace: ReadPace;
  readonly node: LinkEnd;
  readonly frameObserver: FrameObserver;
  readonly trace: (line: string) => void;
  readonly onFrame: (text: string) => void;
  readonly onClosed: (code: number, reason: string) => void;
  /** Faults strike this share of frames. */
  readonly faultRate: number;
}

/** Both directions of one connection. Who opens it connects the client's side. */
export class Link implements Transport {
  readonly #options: LinkOptions;
  readonly #queue: { readonly text: string; readonly sentMs: number }[] = [];
  readonly #flushed: (() => void)[] = [];
  readonly latencyMs: number;
  session: Session | undefined;
  /** Frames of both sides are lost, and neither side notices. */
  isHalfOpen = false;
  isClosed = false;
  /** A proxy delays all frames until then. */
  #keptUntilMs = 0;
  #isPumping = false;
  #upMs = 0;
  #downMs = 0;
  /** The credit that the client last granted; the server must keep to it. */
  #credit: number | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.latencyMs = 1 + options.random.next() * 20;
  }

  get bufferedBytes(): number {
    let bytes = 0;
    for (const { text } of this.#queue) bytes += text.length;
    return bytes;
  }

  write(frames: readonly Frame[]): void {
    for (const frame of frames) if (!frame.isSilent) this.push(frame.payload.toString());
  }

  push(text: string): void {
    if (this.isClosed) return;
    if (isTurnEnd(text) && this.#credit !== undefined && --this.#credit < 0)
      throw new Error("a turn was sent without credit");
    this.#queue.push({ text, sentMs: this.#options.scheduler.nowMs });
    this.#pump();
  }

  onceFlushed(callback: () => void): void {
    if (this.#queue.length === 0) this.#options.node.clock.soon(callback);
    else this.#flushed.push(callback);
  }

  /** The server closes. The client notices after the frames that are on their way. */
  close(code: number, reason: string): void {
    if (this.isClosed) return;
    this.#end(code, reason, 2);
  }

  /** The client sends. */
  send(text: string): void {
    const { scheduler, random, faults, node, faultRate, trace } = this.#options;
    if (this.isClosed || this.isHalfOpen) return;
    // A connection that goes on cannot lose one write of several: it keeps the order, or it breaks.
    if (
      random.next() < faultRate &&
      !text.includes('"MUTATE"') &&
      faults.happens("frame of the client dropped")
    )
      return;
    this.#upMs = Math.max(this.#upMs, scheduler.nowMs + this.latencyMs);
    scheduler.at(this.#upMs, () => {
      node.clock.after(0, () => {
        if (this.session === undefined || this.isHalfOpen) return;
        trace(`up ${text}`);
        this.#noteCredit(text);
        node.engine.gateway.receive(this.session, text);
      });
    });
  }

  /** The connection breaks, and both sides notice soon. */
  cut(): void {
    this.#end(1006, "", this.latencyMs);
  }

  keepBack(forMs: number): void {
    this.#keptUntilMs = this.#options.scheduler.nowMs + forMs;
  }

  /** A stalled client reads again. */
  resume(): void {
    this.#pump();
  }

  /** The node has died: it sends nothing more. */
  nodeDied(): void {
    this.#end(1006, "", this.latencyMs);
  }

  #noteCredit(text: string): void {
    const turns = /^\{"op":"CREDIT","turns":(\d+|null)/.exec(text)?.[1];
    if (turns !== undefined) this.#credit = turns === "null" ? undefined : Number(turns);
  }

  #pump(): void {
    const { scheduler, readPace, clientClock } = this.#options;
    if (
      this.#isPumping ||
      this.#queue.length === 0 ||
      readPace.isStalled ||
      this.isHalfOpen ||
      this.isClosed
    )
      return;
    this.#isPumping = true;
    const readyMs = Math.max(
      scheduler.nowMs + this.latencyMs / WINDOW,
      this.#downMs + readPace.frameMs,
      this.#keptUntilMs,
    );
    this.#downMs = readyMs;
    scheduler.at(readyMs, () => {
      clientClock.after(0, () => {
        this.#isPumping = false;
        if (readPace.isStalled) return;
        const sent = this.#queue.shift();
        if (sent !== undefined && !this.isHalfOpen && !this.isClosed)
          this.#deliver(sent.text, sent.sentMs);
        if (this.#queue.length === 0)
          for (const callback of this.#flushed.splice(0)) this.#options.node.clock.soon(callback);
        this.#pump();
      });
    });
  }

  #deliver(text: string, sentMs: number): void {
    const { random, faultRate, faults } = this.#options;
    if (text.includes('"reason":"floor"')) faults.happens("floor passed");
    if (random.next() < faultRate && this.#inject(text, sentMs)) return;
    this.#noteDelivered(text, sentMs);
    this.#hand(text);
  }

  #hand(text: string): void {
    this.#options.trace(`down ${text.length} ${text}`);
    this.#options.onFrame(text);
  }

  /**
   * Reports a delivery after all code that the frame triggers has run. The checks wait for that.
   */
  #noteDelivered(text: string, sentMs: number): void {
    const { scheduler, frameObserver } = this.#options;
    scheduler.at(scheduler.nowMs, () => frameObserver.onDelivered(text, sentMs));
  }

  /** Injects a fault into one frame. Returns whether the frame needs no further delivery. */
  #inject(text: string, sentMs: number): boolean {
    const { random, faults, frameObserver, scheduler } = this.#options;
    const hasRows = text.includes('"rows":[') || text.includes('"patch":');
    const choice = random.next();
    const corrupted = corrupt(text);
    if (choice < 0.05 && corrupted !== undefined && faults.happens("store corrupted")) {
      frameObserver.onCorrupted(text);
      this.#hand(corrupted);
      return true;
    }
    if (choice < 0.3 && faults.happens("frame dropped")) {
      this.#options.trace(`lost ${text}`);
      if (text.includes('"CHANNEL_STATUS"')) faults.happens("channel status lost");
      frameObserver.onLost(text);
      return true;
    }
    if (choice < 0.5 && faults.happens("frame duplicated")) {
      this.#noteDelivered(text, sentMs);
      this.#hand(text);
    } else if (choice < 0.6 && faults.happens("frame truncated")) {
      this.#hand(text.slice(0, Math.floor(text.length / 2)));
      return true;
    } else if (choice < 0.8 && faults.happens("frame delayed")) {
      this.#downMs = scheduler.nowMs + random.next() * 400;
    } else if (text.includes('"more":true') && faults.happens("cut between parts of a snapshot")) {
      this.#hand(text);
      this.cut();
      return true;
    } else if (choice < 0.95 && hasRows && faults.happens("cut within a turn")) {
      this.#hand(text);
      this.cut();
      return true;
    }
    return false;
  }

  #end(code: number, reason: string, delayMs: number): void {
    if (this.isClosed) return;
    const { scheduler, random, faults, onFrame, onClosed, node, clientClock, trace } =
      this.#options;
    const left = this.#queue.splice(0);
    this.isClosed = true;
    const { session } = this;
    scheduler.at(scheduler.nowMs + delayMs, () =>
      node.clock.after(0, () => session && node.engine.gateway.disconnected(session, code)),
    );
    // On a half-open connection the client does not hear of the close either.
    if (this.isHalfOpen) return;
    scheduler.at(scheduler.nowMs + delayMs, () =>
      clientClock.after(0, () => {
        // A graceful close comes after the frames before it.
        if (code !== 1006) {
          for (const { text, sentMs } of left) {
            this.#hand(text);
            this.#noteDelivered(text, sentMs);
          }
        }
        trace(`closed ${code}`);
        onClosed(code, reason);
        // A frame in the network may arrive after the client has made a new connection.
        const stray = code === 1006 ? left[0]?.text : undefined;
        if (stray === undefined || random.next() > 0.5) return;
        scheduler.at(scheduler.nowMs + 1_500 * random.next(), () =>
          clientClock.after(0, () => {
            if (faults.happens("frame of an old connection after the new one's")) onFrame(stray);
          }),
        );
      }),
    );
  }
}

function isTurnEnd(text: string): boolean {
  return text.startsWith('{"op":"DISPATCH","type":"WATERMARK"');
}

/** The frame with one number in its rows changed, which no check of a connection finds. */
function corrupt(text: string): string | undefined {
  const match = /"price":(\d+)/.exec(text);
  return match === null
    ? undefined
    : `${text.slice(0, match.index)}"price":${Number(match[1]) + 1_000}${text.slice(match.index + match[0].length)}`;
}
