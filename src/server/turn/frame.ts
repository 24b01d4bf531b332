/**
 * What is said to clients, encoded once per dialect and written to any number of sockets. Server frames of
 * a WebSocket are not masked, so the bytes are the same for every client (RFC 6455, section 5.2).
 */
import type { Outgoing } from "../../protocol/codec.ts";
import type { Dialect, DialectView } from "./dialect.ts";

const FIN_TEXT = 0x81;
const SILENCE = Buffer.alloc(0);

/** What carriers other than the WebSocket need to know: rows, the end of a turn that left nothing behind, that nothing follows, or none of these. */
export type FrameKind = "rows" | "watermark" | "farewell" | "other";

export class Frame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
  readonly #payloadOffset: number;
  #joinedWith: Frame | undefined;
  #joined: Buffer | undefined;

  /** Without a text it is silent: it says nothing, and is of its kind all the same. */
  constructor(text: string | undefined, kind: FrameKind = "other") {
    this.kind = kind;
    if (text === undefined) {
      this.bytes = SILENCE;
      this.#payloadOffset = 0;
      return;
    }
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

  get isSilent(): boolean {
    return this.bytes.length === 0;
  }

  /** The text without the WebSocket header. */
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

/** The one place where frames are made. Silent where the dialect has no word for it. */
export function frameOf(message: Outgoing, dialect: Dialect, view?: DialectView): Frame {
  return new Frame(dialect.encode(message, view), kindOf(message));
}

/** A message that many are sent: its frame is made once per dialect, when first asked for. */
export class SharedMessage {
  readonly #message: Outgoing;
  readonly #view: DialectView | undefined;
  readonly #frames = new Map<Dialect, Frame>();

  constructor(message: Outgoing, view?: DialectView) {
    this.#message = message;
    this.#view = view;
  }

  frame(dialect: Dialect): Frame {
    let frame = this.#frames.get(dialect);
    if (frame === undefined) this.#frames.set(dialect, (frame = frameOf(this.#message, dialect, this.#view)));
    return frame;
  }
}

function kindOf(message: Outgoing): FrameKind {
  if ("rowTexts" in message || "upsertTexts" in message) return "rows";
  if (message.op === "INVALID_SESSION") return "farewell";
  return message.op === "DISPATCH" && message.type === "WATERMARK" && message.behind === undefined ? "watermark" : "other";
}
