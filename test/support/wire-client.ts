/** A client that sends and receives literal frames, for tests of the wire. */
import { WebSocket, type ClientOptions } from "ws";
import { downFault } from "../../src/protocol/check-down.ts";

export type Frame = Readonly<Record<string, unknown>>;

export class WireClient {
  readonly frames: Frame[] = [];
  readonly socket: WebSocket;
  closed: { code: number; reason: string } | undefined;

  constructor(url: string, options?: ClientOptions) {
    this.socket = new WebSocket(url, options);
    this.socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as Frame;
      this.frames.push(frame);
      const fault = downFault(frame);
      if (fault !== undefined) throw new Error(`The server sent what no schema has: ${fault}.`);
    });
    this.socket.on("close", (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
    this.socket.on("error", () => {});
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === "string" ? frame : JSON.stringify(frame));
  }

  /** Resolves with the first frame at or after the index `from` that has these fields. */
  async next(fields: Frame, from = 0, timeoutMs = 5_000): Promise<Frame> {
    const matches = (frame: Frame): boolean =>
      Object.entries(fields).every(
        ([name, value]) => JSON.stringify(frame[name]) === JSON.stringify(value),
      );
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const found = this.frames.slice(from).find(matches);
      if (found !== undefined) return found;
      if (performance.now() > deadline)
        throw new Error(
          `No frame with ${JSON.stringify(fields)} in ${JSON.stringify(this.frames.slice(from)).slice(0, 2_000)}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  async open(auth?: unknown): Promise<void> {
    await this.next({ op: "HELLO" });
    this.send({ op: "IDENTIFY", ...(auth !== undefined && { auth }) });
    await this.next({ type: "READY" });
  }

  get frameCount(): number {
    return this.frames.length;
  }

  close(): void {
    this.socket.close();
  }
}
