/**
 * Frames over a plain HTTP answer: server-sent events, or lines of JSON for a poll. The same turns
 * from the same cursors as on a WebSocket; a poll is an answer that ends with the turn.
 */
import { createHash } from "node:crypto";
import type { Frame } from "../turn/frame.ts";
import type { Session, Transport } from "../turn/session.ts";

/** The answer's body, as far as it is needed. */
export interface BodySink {
  write(text: string): void;
  onceFlushed(callback: () => void): void;
  readonly bufferedBytes: number;
  end(): void;
}

/** - `events`: until the client leaves - `lines`: until a turn is whole, or, waiting, brings something or the time is over */
export type StreamFormat =
  | { readonly kind: "events"; readonly epoch: string; readonly seq: () => number }
  | { readonly kind: "lines"; readonly isOver: () => boolean };

export class HttpStreamTransport implements Transport {
  readonly isOneWay = true;
  readonly #sink: BodySink;
  readonly #format: StreamFormat;
  /** Whose views an event id speaks of; set as soon as the session exists. */
  session: Session | undefined;
  #hasNews = false;
  /** The marks of the views last named, which seldom change. */
  #marks = { names: "", text: "" };
  #isClosed = false;

  constructor(sink: BodySink, format: StreamFormat) {
    this.#sink = sink;
    this.#format = format;
  }

  get bufferedBytes(): number {
    return this.#sink.bufferedBytes;
  }

  write(frames: readonly Frame[]): void {
    if (this.#isClosed) return;
    let text = "";
    for (const frame of frames) text += this.#encode(frame);
    this.#sink.write(text);
    if (this.#format.kind === "events") return;
    this.#hasNews ||= frames.some(({ kind }) => kind === "rows");
    const last = frames.at(-1)?.kind;
    // Who polls can't answer on the same connection.
    if (last === "farewell" || (last === "watermark" && this.session?.unseated === 0 && (this.#hasNews || this.#format.isOver()))) this.close();
  }

  onceFlushed(callback: () => void): void {
    if (!this.#isClosed) this.#sink.onceFlushed(callback);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sink.end();
  }

  /** JSON text has no line breaks, so a frame is one line. Only a whole turn's end is a place to resume from. */
  #encode(frame: Frame): string {
    const json = frame.payload.toString();
    if (this.#format.kind === "lines") return `${json}\n`;
    const id = frame.kind === "watermark" ? `id: ${this.#format.epoch}:${this.#format.seq()}:${this.#viewMarks()}\n` : "";
    return `${id}data: ${json}\n\n`;
  }

  #viewMarks(): string {
    const views = [...(this.session?.subscriptions.keys() ?? [])];
    const names = views.join(" ");
    if (this.#marks.names !== names) this.#marks = { names, text: views.map(viewMark).join(".") };
    return this.#marks.text;
  }
}

/** A view id in eight characters. */
export function viewMark(viewId: string): string {
  return createHash("sha256").update(viewId).digest("base64url").slice(0, 8);
}

/** What an event id says: a position, and the marks of the views that stood there. */
export function parseEventId(text: string | undefined): { epoch: string; seq: number; viewMarks: ReadonlySet<string> } | undefined {
  const [, epoch, seq, marks] = /^(\w+):(\d{1,15}):([\w.-]*)$/.exec(text ?? "") ?? [];
  if (epoch === undefined || seq === undefined) return undefined;
  return { epoch, seq: Number(seq), viewMarks: new Set(marks?.split(".")) };
}
