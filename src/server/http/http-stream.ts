/**
 * Frames over a plain HTTP answer: server-sent events, or lines of JSON for a poll. The same turns
 * from the same cursors as on a WebSocket; a poll is an answer that ends with the turn.
 */
import type { ServerResponse } from "node:http";
import type { Clock } from "../../std/clock.ts";
import { viewMark } from "../session/position.ts";
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
  /** `position`: what an event that ends a turn is called, for the client to resume from, with the marks of its views. */
  | { readonly kind: "events"; readonly position?: () => string }
  | { readonly kind: "lines"; readonly isOver: () => boolean };

/** JSON has none; a dialect's text may. */
const LINE_BREAK = /\r\n|\r|\n/g;

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
    if (text !== "") this.#sink.write(text);
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

  /** A frame is one line, or one event. Only a whole turn's end is a place to resume from. */
  #encode(frame: Frame): string {
    if (frame.isSilent) return "";
    const text = frame.payload.toString();
    if (this.#format.kind === "lines") return `${text}\n`;
    const { position } = this.#format;
    const id = frame.kind === "watermark" && position !== undefined ? `id: ${position()}:${this.#viewMarks()}\n` : "";
    return `${id}data: ${text.replaceAll(LINE_BREAK, "\ndata: ")}\n\n`;
  }

  #viewMarks(): string {
    const views = [...(this.session?.subscriptions.keys() ?? [])];
    const names = views.join(" ");
    if (this.#marks.names !== names) this.#marks = { names, text: views.map(viewMark).join(".") };
    return this.#marks.text;
  }
}

const NOTHING = Buffer.alloc(0);
const END_GRACE_MS = 2_000;

export function responseSink(response: ServerResponse, clock: Clock): BodySink {
  return {
    write: (text) => void response.write(text),
    onceFlushed: (callback) => {
      if (response.socket?.writable === true) response.socket.write(NOTHING, () => callback());
    },
    get bufferedBytes() {
      return response.writableLength;
    },
    end: () => {
      response.end();
      // Who does not take the end is cut off.
      clock.after(END_GRACE_MS, () => {
        if (!response.writableFinished) response.destroy();
      });
    },
  };
}
