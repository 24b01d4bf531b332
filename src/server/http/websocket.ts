/**
 * The WebSocket transport: a thin shell over `ws`, which does the handshake and reads frames.
 * Outgoing frames are bytes that clients share and that are written to the socket unchanged, so a
 * turn costs one write. Compression stays off: per client it would cost hundreds of kilobytes
 * each.
 */
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import type { Cancel, Clock } from "../../std/clock.ts";
import { PROTOCOL_LIMITS } from "../../protocol/limits.ts";
import type { ConnectionRequest, Dialect, DialectConnection } from "../turn/dialect.ts";
import type { Frame } from "../turn/frame.ts";
import type { ServerLimits } from "../limits.ts";
import type { Gateway } from "../session/gateway.ts";
import type { Transport } from "../turn/session.ts";

const NOTHING = Buffer.alloc(0);

class WebSocketTransport implements Transport {
  readonly #webSocket: WebSocket;
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #limits: ServerLimits;
  #resume: Cancel | undefined;

  constructor(webSocket: WebSocket, socket: Duplex, clock: Clock, limits: ServerLimits) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#clock = clock;
    this.#limits = limits;
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(frames: readonly Frame[]): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    let bytes = 0;
    for (const frame of frames) bytes += frame.bytes.length;
    const [first] = frames;
    if (first === undefined || bytes === 0) return;
    if (frames.length === 1) this.#socket.write(first.bytes);
    else if (bytes <= this.#limits.joinBytesMax) this.#socket.write(first.joined(frames));
    else {
      this.#socket.cork();
      for (const frame of frames) if (!frame.isSilent) this.#socket.write(frame.bytes);
      this.#socket.uncork();
    }
  }

  ping(): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.ping();
  }

  pause(ms: number): void {
    this.#resume?.();
    this.#webSocket.pause();
    this.#resume = this.#clock.after(ms, () => this.#webSocket.resume());
  }

  onceFlushed(callback: () => void): void {
    if (this.#socket.writable) this.#socket.write(NOTHING, () => callback());
  }

  close(code: number, reason: string): void {
    if (this.#webSocket.readyState !== this.#webSocket.OPEN) return;
    this.#webSocket.close(code, reason);
    const cancel = this.#clock.after(this.#limits.closeGraceMs, () => this.#webSocket.terminate());
    this.#webSocket.once("close", cancel);
  }
}

export class WebSocketEndpoint {
  readonly #server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: PROTOCOL_LIMITS.clientFrameBytesMax,
    clientTracking: false,
  });
  readonly #gateway: Gateway;
  readonly #clock: Clock;
  readonly #limits: ServerLimits;

  constructor(gateway: Gateway, clock: Clock, limits: ServerLimits) {
    this.#gateway = gateway;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Completes a handshake that has already been allowed. */
  upgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    dialect: Dialect,
    connection: DialectConnection,
  ): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const peer = { request: connectionRequest(request), dialect, connection };
      const session = this.#gateway.connect(
        new WebSocketTransport(webSocket, socket, this.#clock, this.#limits),
        peer,
      );
      webSocket.on("message", (data, isBinary) => {
        if (isBinary) webSocket.close(1003, "frames are text");
        else this.#gateway.receive(session, String(data));
      });
      if (dialect.hasHeartbeats !== true)
        webSocket.on("pong", () => this.#gateway.isThere(session));
      webSocket.on("close", (code) => this.#gateway.disconnected(session, code));
      // The close event follows and is handled.
      webSocket.on("error", () => {});
      this.#gateway.begin(session);
    });
  }
}

export function connectionRequest(request: IncomingMessage): ConnectionRequest {
  return {
    url: request.url ?? "/",
    headers: request.headers,
    remoteAddress: request.socket.remoteAddress,
  };
}

/** Answers an upgrade with a plain HTTP error. */
export function refuseUpgrade(socket: Duplex, status: number, message: string): void {
  const body = `${message}\n`;
  // The client may be gone already.
  socket.on("error", () => {});
  socket.on("finish", () => socket.destroy());
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
