/**
 * A client that sends and receives literal frames and interprets none: it keeps the received frames
 * in order, for the checks.
 */
import { WebSocket } from "ws";
import { delay, systemClock } from "../../std/clock.ts";
import { must } from "./check-result.ts";

export type Frame = Readonly<Record<string, unknown>>;
export type Headers = Readonly<Record<string, string>>;

/** Calls `look` until it returns a value. @throws when it returns none in time */
export async function eventually<T>(
  look: () => T | undefined,
  otherwise: () => string,
  timeoutMs: number,
): Promise<T> {
  const endMs = systemClock.monotonic() + timeoutMs;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    must(systemClock.monotonic() <= endMs, otherwise());
    await delay(systemClock, 2);
  }
}

export class RawClient {
  readonly frames: Frame[] = [];
  /** Received messages that are no frames: binary, or not one JSON object. */
  readonly malformedFrames: string[] = [];
  /** When each frame came, by the monotonic clock. */
  readonly receivedMs: number[] = [];
  readonly #socket: WebSocket;
  readonly #timeoutMs: number;
  closeCode: number | undefined;
  /** The HTTP status with which the upgrade was refused. */
  refusedWith: number | undefined;

  constructor(url: string, headers: Headers, timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.#socket = new WebSocket(url, { headers });
    this.#socket.on("message", (data, isBinary) => this.#take(String(data), isBinary));
    this.#socket.on("close", (code) => {
      this.closeCode = code;
    });
    this.#socket.on("unexpected-response", (_request, response) => {
      this.refusedWith = response.statusCode;
      response.destroy();
    });
    this.#socket.on("error", () => {});
  }

  get extensions(): string {
    return this.#socket.extensions;
  }

  /** The count of received frames: the index from which to look for later ones. */
  get frameCount(): number {
    return this.frames.length;
  }

  send(frame: unknown): void {
    this.#socket.send(
      typeof frame === "string" || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame),
    );
  }

  /** Resolves with the first frame at or after the index `from` that has these fields. */
  receive(fields: Frame, from = 0): Promise<Frame> {
    return this.find(
      (frame) => Object.entries(fields).every(([name, value]) => frame[name] === value),
      JSON.stringify(fields),
      from,
    );
  }

  find(
    isIt: (frame: Frame) => boolean,
    what: string,
    from = 0,
    timeoutMs = this.#timeoutMs,
  ): Promise<Frame> {
    const received = (): string =>
      this.frames
        .slice(from)
        .map(
          ({ op, type, code }) =>
            `${String(type ?? op)}${code === undefined ? "" : ` ${String(code)}`}`,
        )
        .slice(-12)
        .join(", ");
    const ended = (): string =>
      this.closeCode === undefined ? "" : `, then it was closed with ${this.closeCode}`;
    return eventually(
      () => this.frames.slice(from).find(isIt),
      () => `no frame ${what}; received ${received() || "nothing"}${ended()}`,
      timeoutMs,
    );
  }

  /** Resolves with the first WATERMARK without `behind`, at `seq` or after it. */
  turnEnd(seq = 0, from = 0): Promise<Frame> {
    return this.find(
      (frame) =>
        frame["type"] === "WATERMARK" &&
        frame["behind"] === undefined &&
        Number(frame["seq"]) >= seq,
      `WATERMARK without behind at ${seq} or after`,
      from,
    );
  }

  closed(): Promise<number> {
    return eventually(
      () => this.closeCode,
      () => "the connection was not closed",
      this.#timeoutMs,
    );
  }

  /** Resolves when the server has handled all frames that were sent before. */
  async roundTrip(): Promise<void> {
    const from = this.frameCount;
    this.send({ op: "HEARTBEAT" });
    await this.receive({ op: "HEARTBEAT_ACK" }, from);
  }

  end(): void {
    this.#socket.terminate();
  }

  #take(text: string, isBinary: boolean): void {
    let frame: unknown;
    try {
      frame = JSON.parse(text);
    } catch {
      frame = undefined;
    }
    if (isBinary) this.malformedFrames.push("a binary frame");
    if (typeof frame === "object" && frame !== null && !Array.isArray(frame)) {
      this.frames.push(frame as Frame);
      this.receivedMs.push(systemClock.monotonic());
    } else this.malformedFrames.push(text.slice(0, 80));
  }
}
