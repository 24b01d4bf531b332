/** Answers that do not wait for a turn. A client that asks and never reads is cut off, not queued for. */
import { CLOSE } from "../../protocol/close-codes.ts";
import type { DownMessage } from "../../protocol/down.ts";
import { Frame } from "./frame.ts";
import type { Session } from "./session.ts";

export class Sender {
  readonly #bufferBytesMax: number;

  constructor(bufferBytesMax: number) {
    this.#bufferBytesMax = bufferBytesMax;
  }

  send(session: Session, message: DownMessage): void {
    if (session.phase.kind === "closed") return;
    if (session.transport.bufferedBytes > this.#bufferBytesMax) {
      if (message.op !== "HEARTBEAT_ACK") session.transport.close(CLOSE.badMessage, "answers are not read");
      return;
    }
    session.transport.write([new Frame(JSON.stringify(message), message.op === "INVALID_SESSION" ? "farewell" : "other")]);
  }
}
