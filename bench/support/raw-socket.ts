/**
 * A WebSocket client of a load generator: it reads frame headers, and payloads only where somebody
 * wants them, so that thousands fit in one process.
 */
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

const TEXT = 1;
const PING = 9;
const PONG = 10;

export interface RawSocketOptions {
  readonly port: number;
  readonly path: string;
  /** Called for each read after the upgrade. */
  readonly onBytes: (length: number) => void;
  /** Whether the payload of a frame is to be read. */
  readonly wants: (length: number) => boolean;
  /** The payload is undefined if nobody wanted it. It is valid during the call only. */
  readonly onFrame: (payload: Buffer | undefined, socket: Socket) => void;
  readonly onClosed?: () => void;
}

/** One buffer for all sockets: allocating one per read would cost more than all else here. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);

/** A frame of a client. */
export function maskedFrame(payload: string | Buffer, opcode = TEXT): Buffer {
  const bytes = Buffer.from(payload as string);
  const mask = randomBytes(4);
  const header =
    bytes.length < 126
      ? Buffer.from([0x80 | opcode, 0x80 | bytes.length])
      : Buffer.from([0x80 | opcode, 0x80 | 126, bytes.length >> 8, bytes.length & 255]);
  for (let index = 0; index < bytes.length; index++)
    bytes[index] = (bytes[index] as number) ^ (mask[index % 4] as number);
  return Buffer.concat([header, mask, bytes]);
}

/** Resolves when the server has accepted the upgrade. */
export function openRawSocket(options: RawSocketOptions): Promise<Socket> {
  const { port, path, onBytes, onClosed } = options;
  return new Promise((resolve, reject) => {
    let reader: FrameReader | undefined;
    let head = "";
    const socket = connect({
      port,
      host: "127.0.0.1",
      onread: {
        buffer: READ_BUFFER,
        callback: (length, buffer) => {
          const data = Buffer.from(buffer.buffer, buffer.byteOffset, length);
          if (reader !== undefined) {
            onBytes(length);
            reader.read(data);
            return true;
          }
          head += data.toString("latin1");
          const end = head.indexOf("\r\n\r\n");
          if (end < 0) return true;
          reader = new FrameReader(options, socket);
          resolve(socket);
          reader.read(Buffer.from(head.slice(end + 4), "latin1"));
          return true;
        },
      },
    });
    socket.setNoDelay(true);
    socket.on("error", reject);
    socket.on("close", () => onClosed?.());
    socket.on("connect", () => {
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
      );
    });
  });
}

class FrameReader {
  readonly #options: RawSocketOptions;
  readonly #socket: Socket;
  #pending: Buffer = Buffer.alloc(0);
  /** Remaining bytes of the present payload, which nobody wants. */
  #skip = 0;

  constructor(options: RawSocketOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
  }

  read(data: Buffer): void {
    if (this.#skip >= data.length) {
      this.#skip -= data.length;
      return;
    }
    const rest = data.subarray(this.#skip);
    this.#skip = 0;
    this.#pending = this.#pending.length === 0 ? rest : Buffer.concat([this.#pending, rest]);
    while (this.#readFrame()) {
      // Until a part of a frame is left.
    }
    // The rest of a frame stays until the next read, which overwrites the buffer.
    if (this.#pending.length > 0) this.#pending = Buffer.from(this.#pending);
  }

  #readFrame(): boolean {
    const pending = this.#pending;
    if (pending.length < 2) return false;
    const opcode = (pending[0] as number) & 15;
    const short = (pending[1] as number) & 127;
    const headerLength = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (pending.length < headerLength) return false;
    const length =
      short < 126
        ? short
        : short === 126
          ? pending.readUInt16BE(2)
          : Number(pending.readBigUInt64BE(2));
    const end = headerLength + length;
    const isRead = opcode !== TEXT || this.#options.wants(length);
    if (pending.length < end && isRead) return false;
    this.#skip = Math.max(0, end - pending.length);
    this.#pending = pending.subarray(Math.min(end, pending.length));
    if (opcode === TEXT)
      this.#options.onFrame(isRead ? pending.subarray(headerLength, end) : undefined, this.#socket);
    else if (opcode === PING)
      this.#socket.write(maskedFrame(pending.subarray(headerLength, end), PONG));
    return this.#skip === 0;
  }
}
