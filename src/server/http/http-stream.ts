/**
 * Frames over a plain HTTP answer: server-sent events, or lines of JSON for a poll. It carries the
 * same turns from the same cursors as a WebSocket; a poll is an answer that ends with the turn.
 */
import type { ServerResponse } from "node:http";
import type { Clock } from "../../std/clock.ts";
import type { ErrorMessage } from "../../protocol/messages/error.ts";
import { refusalReply } from "./reply.ts";
import { viewHash } from "../session/shared-cursor.ts";
import type { Frame } from "../turn/frame.ts";
import type { Session, Transport } from "../turn/session.ts";

/** The body of an answer. */
export interface BodySink {
  write(text: string): void;
  onceFlushed(callback: () => void): void;
  readonly bufferedBytes: number;
  end(): void;
  /**
   * Ends the answer so that no reader takes it for complete. If nothing was sent yet, the answer
   * says why.
   */
  fail(refusal: ErrorMessage | undefined): void;
}

/**
 * `events` continue until the client leaves; `lines` end with a whole turn, or, if they wait, with
 * the first turn that has news or when the time is over.
 */
export type StreamFormat =
  /**
   * `cursor`: the id of an event that ends a turn has the epoch and seq, from which the client
   * resumes. The id also holds the hashes of its views.
   */
  | { readonly kind: "events"; readonly cursor?: () => string }
  /**
   * `isWholeOnly`: the answer's reader can't see from the content whether it is complete, or why
   * it was refused. `needsText`: an answer without a text is no answer.
   */
  | {
      readonly kind: "lines";
      readonly isOver: () => boolean;
      readonly isWholeOnly?: boolean;
      readonly needsText?: boolean;
    };

/** JSON has no line breaks; a dialect's text may have some. */
const LINE_BREAK = /\r\n|\r|\n/g;

export class HttpStreamTransport implements Transport {
  readonly isOneWay = true;
  readonly #sink: BodySink;
  readonly #format: StreamFormat;
  /** The session whose views an event id covers; set as soon as it exists. */
  session: Session | undefined;
  #hasNews = false;
  /** The view hashes of the last event id; they seldom change. */
  #hashes = { names: "", text: "" };
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
    if (this.#format.kind === "events") {
      // A silent turn still sends a comment: if it can't be sent, the client is gone.
      this.#sink.write(
        text === "" && frames.some(({ kind }) => kind === "watermark") ? ":\n\n" : text,
      );
      return;
    }
    const refused =
      this.#format.isWholeOnly === true
        ? frames.find(({ refusal, isSilent }) => refusal !== undefined && isSilent)
        : undefined;
    if (refused !== undefined) return this.#fail(refused.refusal);
    this.#sink.write(text);
    const { needsText = false } = this.#format;
    this.#hasNews ||= frames.some(
      ({ kind, isSilent }) => kind === "rows" && !(needsText && isSilent),
    );
    const last = frames.at(-1)?.kind;
    // A client that polls can't send on the same connection.
    const isWhole = last === "watermark" && this.session?.requestsQueued === 0;
    if (last === "farewell" || (isWhole && (this.#hasNews || this.#format.isOver())))
      this.#end(isWhole && (this.#hasNews || !needsText));
  }

  onceFlushed(callback: () => void): void {
    if (!this.#isClosed) this.#sink.onceFlushed(callback);
  }

  close(): void {
    this.#end(false);
  }

  #end(isWhole: boolean): void {
    if (this.#format.kind === "lines" && this.#format.isWholeOnly === true && !isWhole)
      return this.#fail(undefined);
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sink.end();
  }

  #fail(refusal: ErrorMessage | undefined): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sink.fail(refusal);
  }

  /** A frame is one line, or one event. A client can resume only from the end of a whole turn. */
  #encode(frame: Frame): string {
    if (frame.isSilent) return "";
    const text = frame.payload.toString();
    if (this.#format.kind === "lines") return `${text}\n`;
    const { cursor } = this.#format;
    const id =
      frame.kind === "watermark" && cursor !== undefined
        ? `id: ${cursor()}:${this.#viewHashes()}\n`
        : "";
    return `${id}data: ${text.replaceAll(LINE_BREAK, "\ndata: ")}\n\n`;
  }

  #viewHashes(): string {
    const views = [...(this.session?.subscriptions.keys() ?? [])];
    const names = views.join(" ");
    if (this.#hashes.names !== names) this.#hashes = { names, text: views.map(viewHash).join(".") };
    return this.#hashes.text;
  }
}

const NOTHING = Buffer.alloc(0);

/** Sends a text; the first one together with `head`, unless that has been sent. */
export function responseSink(
  response: ServerResponse,
  clock: Clock,
  closeGraceMs: number,
  head: () => void,
): BodySink {
  return {
    write: (text) => {
      if (text === "") return;
      head();
      response.write(text);
    },
    onceFlushed: (callback) => {
      if (response.socket?.writable === true) response.socket.write(NOTHING, () => callback());
    },
    get bufferedBytes() {
      return response.writableLength;
    },
    fail: (refusal) => {
      if (response.headersSent) return void response.destroy();
      const { status, headers, body } = refusalReply(refusal);
      response.writeHead(status, { ...headers }).end(body);
    },
    end: () => {
      head();
      response.end();
      // Disconnects a client that does not read the end.
      clock.after(closeGraceMs, () => {
        if (!response.writableFinished) response.destroy();
      });
    },
  };
}
