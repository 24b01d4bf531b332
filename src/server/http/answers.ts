/**
 * HTTP snapshots that have not left the process. Each counts as a connection. When a client does
 * not read its answer, the server drops it with its socket, so that no client occupies memory with
 * answers that it does not read.
 */
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "../../std/clock.ts";

interface Progress {
  /** Bytes of the answer that have not left the process. */
  readonly unreadBytes: number;
  readonly sinceMs: number;
}

export class Answers {
  readonly #clock: Clock;
  readonly #silenceMsMax: number;
  /**
   * By socket, since a pipelined answer that waits for an earlier one gets no event when its
   * socket closes.
   */
  readonly #sockets = new Map<Socket, Map<ServerResponse, Progress>>();
  #isLooking = false;

  /** `silenceMsMax`: an answer is dropped when its client has read nothing for so long. */
  constructor(clock: Clock, silenceMsMax: number) {
    this.#clock = clock;
    this.#silenceMsMax = silenceMsMax;
  }

  get size(): number {
    let size = 0;
    for (const answers of this.#sockets.values()) size += answers.size;
    return size;
  }

  watch(response: ServerResponse, socket: Socket): void {
    let answers = this.#sockets.get(socket);
    if (answers === undefined) {
      answers = new Map();
      this.#sockets.set(socket, answers);
      socket.once("close", () => this.#sockets.delete(socket));
    }
    answers.set(response, { unreadBytes: 0, sinceMs: this.#clock.monotonic() });
    response.once("close", () => this.release(response, socket));
    if (!this.#isLooking) this.#lookSoon();
  }

  /** The answer has been sent, or it carries a session, which counts by itself. */
  release(response: ServerResponse, socket: Socket): void {
    this.#sockets.get(socket)?.delete(response);
  }

  #lookSoon(): void {
    this.#isLooking = true;
    this.#clock.after(this.#silenceMsMax / 2, () => this.#look());
  }

  #look(): void {
    const nowMs = this.#clock.monotonic();
    for (const [socket, answers] of this.#sockets) {
      for (const [response, progress] of answers) {
        const unreadBytes = response.writableLength;
        // An answer that waits for news has no bytes to read.
        if (unreadBytes === 0 || unreadBytes !== progress.unreadBytes)
          answers.set(response, { unreadBytes, sinceMs: nowMs });
        else if (nowMs - progress.sinceMs >= this.#silenceMsMax) socket.destroy();
      }
    }
    if (this.#sockets.size > 0) this.#lookSoon();
    else this.#isLooking = false;
  }
}
