/**
 * A message to clients, encoded once per dialect and written to any number of sockets. A
 * WebSocket's server frames are not masked, so the bytes are the same for every client (RFC 6455,
 * section 5.2).
 */
import type { Outgoing } from "../../protocol/codec.ts";
import type { ErrorMessage } from "../../protocol/messages/error.ts";
import type { Dialect, DialectView } from "./dialect.ts";

const FIN_TEXT = 0x81;
const SILENCE = Buffer.alloc(0);

/**
 * The frame's kind, for carriers other than the WebSocket: it has rows, ends a turn without views
 * in `behind`, is the last frame, or none of these.
 */
export type FrameKind = "rows" | "watermark" | "farewell" | "other";

export class Frame {
  readonly kind: FrameKind;
  /**
   * The ERROR that the frame carries, if any; and the dialect's error if it failed to make a text.
   */
  readonly refusal: ErrorMessage | undefined;
  readonly failure: unknown;
  readonly bytes: Buffer;
  readonly #payloadOffset: number;
  #joined: { readonly frames: readonly Frame[]; readonly bytes: Buffer } | undefined;

  /** A frame without a text is silent: it has no bytes, but has a kind. */
  constructor(
    text: string | undefined,
    kind: FrameKind = "other",
    {
      refusal,
      failure,
    }: { readonly refusal?: ErrorMessage | undefined; readonly failure?: unknown } = {},
  ) {
    this.kind = kind;
    this.refusal = refusal;
    this.failure = failure;
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
   * The bytes of a turn's frames, of which this is the first, in one buffer. The last such turn is
   * cached: nearly every session has the same turn, and one buffer costs less to write than two.
   */
  joined(frames: readonly Frame[]): Buffer {
    if (this.#joined === undefined || !areSame(this.#joined.frames, frames))
      this.#joined = { frames, bytes: Buffer.concat(frames.map(({ bytes }) => bytes)) };
    return this.#joined.bytes;
  }
}

function areSame(known: readonly Frame[], frames: readonly Frame[]): boolean {
  if (known.length !== frames.length) return false;
  for (let index = 0; index < known.length; index++)
    if (known[index] !== frames[index]) return false;
  return true;
}

/**
 * The one place where frames are made. The frame is silent if the dialect has no text for the
 * message, or fails: the error of one dialect must not reach others.
 */
export function frameOf(message: Outgoing, dialect: Dialect, view?: DialectView): Frame {
  const refusal = message.op === "ERROR" ? message : undefined;
  try {
    const text: unknown = dialect.encode(message, view);
    if (text === undefined || typeof text === "string")
      return new Frame(text, kindOf(message), { refusal });
    throw new TypeError(
      `The dialect "${dialect.name}" encoded a message as ${typeof text}, not as text.`,
    );
  } catch (failure) {
    return new Frame(undefined, kindOf(message), { refusal, failure });
  }
}

/** A message to many sessions: its frame is made once per dialect, on first use. */
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
    if (frame === undefined)
      this.#frames.set(dialect, (frame = frameOf(this.#message, dialect, this.#view)));
    return frame;
  }
}

function kindOf(message: Outgoing): FrameKind {
  if ("rowTexts" in message || "upsertTexts" in message) return "rows";
  if (message.op === "INVALID_SESSION") return "farewell";
  return message.op === "DISPATCH" && message.type === "WATERMARK" && message.behind === undefined
    ? "watermark"
    : "other";
}
