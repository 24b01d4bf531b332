/**
 * Sends answers that do not wait for a turn. A client that sends requests and never reads is
 * disconnected; nothing is queued.
 */
import { CLOSE } from "../../protocol/close-codes.ts";
import type { DownMessage } from "../../protocol/down.ts";
import { Frame, frameOf } from "./frame.ts";
import type { Session } from "./session.ts";

export class Sender {
  readonly #bufferBytesMax: number;
  readonly #onFailure: (session: Session, failure: unknown) => void;

  /** `onFailure`: the session's dialect failed to encode the message. */
  constructor(bufferBytesMax: number, onFailure: (session: Session, failure: unknown) => void) {
    this.#bufferBytesMax = bufferBytesMax;
    this.#onFailure = onFailure;
  }

  /** Returns whether the client's dialect has a text for the message. */
  send(session: Session, message: DownMessage): boolean {
    if (session.state.kind === "closed") return true;
    if (this.#isFull(session)) {
      if (message.op !== "HEARTBEAT_ACK") this.#disconnect(session);
      return true;
    }
    const frame = frameOf(message, session.dialect);
    session.transport.write([frame]);
    if (frame.failure !== undefined) this.#onFailure(session, frame.failure);
    return !frame.isSilent;
  }
  /** Sends a text that the session's dialect has made. */
  answer(session: Session, text: string): void {
    if (session.state.kind === "closed") return;
    if (this.#isFull(session)) this.#disconnect(session);
    else session.transport.write([new Frame(text)]);
  }

  #isFull({ transport }: Session): boolean {
    return transport.bufferedBytes > this.#bufferBytesMax;
  }

  #disconnect({ transport }: Session): void {
    transport.close(CLOSE.badMessage, "the client does not read");
  }
}
