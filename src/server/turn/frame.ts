/**
 * What is said to clients, encoded once per dialect and written to any number of sockets. Server frames of
 * a WebSocket are not masked, so the bytes are the same for every client (RFC 6455, section 5.2).
 */
import type { Outgoing } from "../../protocol/codec.ts";
import type { ErrorMessage } from "../../protocol/messages/error.ts";
import type { Dialect, DialectView } from "./dialect.ts";

const FIN_TEXT = 0x81;
const SILENCE = Buffer.alloc(0);

/** What carriers other than the WebSocket need to know: rows, the end of a turn that left nothing behind, that nothing follows, or none of these. */
export type FrameKind = "rows" | "watermark" | "farewell" | "other";

export class Frame {
  readonly kind: FrameKind;
  /** Of a refusal, what is refused; and what the dialect threw in place of a text. */
  readonly refusal: ErrorMessage | undefined;
  readonly failure: unknown;
  readonly bytes: Buffer;
  readonly #payloadOffset: number;
  #joinedWith: Frame | undefined;
  #joined: Buffer | undefined;

  /** Without a text it is silent: it says nothing, and is of its kind all the same. */
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

/** The one place where frames are made. Silent where the dialect has no word for it, or fails: its error must not be everyone's. */
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
