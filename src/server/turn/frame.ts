/**
 * A WebSocket text frame, encoded once and written to any number of sockets. Server frames are
 * not masked, so the bytes are the same for every client (RFC 6455, section 5.2).
 */

const FIN_TEXT = 0x81;

/** What carriers other than the WebSocket need to know: rows, the end of a turn that left nothing behind, that nothing follows, or none of these. */
export type FrameKind = "rows" | "watermark" | "farewell" | "other";

export class Frame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
  readonly #payloadOffset: number;
  #joinedWith: Frame | undefined;
  #joined: Buffer | undefined;

  constructor(text: string, kind: FrameKind = "other") {
    this.kind = kind;
    const length = Buffer.byteLength(text);
    const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10;
    const bytes = Buffer.allocUnsafeSlow(headerLength + length);
    bytes[0] = FIN_TEXT;
    if (headerLength === 2) bytes[1] = length;
    else if (headerLength === 4) {
      bytes[1] = 126;
      bytes.writeUInt16BE(length, 2);
    } else {
      bytes[1] = 127;
      bytes.writeBigUInt64BE(BigInt(length), 2);
    }
    bytes.write(text, headerLength, "utf8");
    this.bytes = bytes;
    this.#payloadOffset = headerLength;
  }

  /** The JSON text without the WebSocket header. */
  get payload(): Buffer {
    return this.bytes.subarray(this.#payloadOffset);
  }

  /**
   * These bytes followed by those of `next`, kept: the usual turn is one delta and one watermark,
   * the same pair for nearly every session, and one buffer costs less to write than two.
   */
  joinedWith(next: Frame): Buffer {
    if (this.#joinedWith !== next || this.#joined === undefined) {
      this.#joinedWith = next;
      this.#joined = Buffer.concat([this.bytes, next.bytes]);
    }
    return this.#joined;
  }
}
