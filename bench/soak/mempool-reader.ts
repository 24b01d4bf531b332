/**
 * Reads a server over plain sockets, in a process of its own, so that what reading costs does not
 * count as the server's time: the parser of `node:http`, and the collections of a process that
 * also drives a browser.
 */
import { connect } from "node:net";
import { answer } from "../support/child.ts";

/** What simultaneous requests of one path took. */
export interface Reading {
  /** From before the connection to the last byte of the answer, in milliseconds. */
  readonly times: readonly number[];
  /** Requests without a whole answer of status 200. */
  readonly failed: number;
}

/** Each reader's own, since sockets fill them at the same time. */
const BUFFER_BYTES = 256 * 1024;
/** An answer that takes longer has failed. */
const TIMEOUT_MS = 10_000;
const buffers: Buffer[] = [];

answer({
  read: async ({ url, path, readers }): Promise<Reading> => {
    const target = new URL(String(path), String(url));
    const answers = await Promise.all(
      Array.from({ length: Number(readers) }, (_, index) => read(target, bufferOf(index))),
    );
    return {
      times: answers.map(({ ms }) => ms),
      failed: answers.filter(({ isWhole }) => !isWhole).length,
    };
  },
});

function bufferOf(index: number): Buffer {
  return (buffers[index] ??= Buffer.alloc(BUFFER_BYTES));
}

/** One request on a connection of its own. */
function read(
  { hostname, port, host, pathname, search }: URL,
  buffer: Buffer,
): Promise<{ readonly ms: number; readonly isWhole: boolean }> {
  const beganMs = performance.now();
  return new Promise((resolve) => {
    const body = new BodyCount();
    const end = (): void => {
      resolve({ ms: performance.now() - beganMs, isWhole: body.isWhole });
      socket.destroy();
    };
    const socket = connect({
      host: hostname,
      port: Number(port),
      noDelay: true,
      onread: {
        buffer,
        callback: (bytes, data) => {
          body.take(Buffer.from(data.buffer, data.byteOffset, bytes));
          if (body.isWhole || body.hasFailed) end();
          return true;
        },
      },
    });
    socket.once("error", end).once("close", end).setTimeout(TIMEOUT_MS, end);
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  });
}

/** Counts an answer's body up to its `Content-Length`. */
class BodyCount {
  hasFailed = false;
  #head = "";
  /** Undefined until the head is whole. */
  #left: number | undefined;

  get isWhole(): boolean {
    return this.#left === 0;
  }

  take(data: Buffer): void {
    if (this.#left !== undefined) return this.#count(data.length);
    const before = this.#head.length;
    this.#head += data.toString("latin1");
    const end = this.#head.indexOf("\r\n\r\n");
    if (end < 0) return;
    const length = /^content-length: (\d+)$/im.exec(this.#head.slice(0, end))?.[1];
    if (!this.#head.startsWith("HTTP/1.1 200 ") || length === undefined) {
      this.hasFailed = true;
      return;
    }
    this.#left = Number(length);
    this.#count(data.length - (end + 4 - before));
  }

  #count(bytes: number): void {
    this.#left = (this.#left ?? 0) - bytes;
    if (this.#left < 0) this.hasFailed = true;
  }
}
