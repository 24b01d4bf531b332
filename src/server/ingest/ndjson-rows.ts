/** Rows of a body that has one on each line. Empty lines have no meaning. */
import { ByteQueue } from "./byte-queue.ts";
import { checkBytes, textOf, type RowReader, type RowTarget } from "./row-reader.ts";

const LINE_FEED = 0x0a;

export class NdjsonRows implements RowReader {
  readonly #target: RowTarget;
  readonly #rowBytesMax: number;
  /** The beginning of a line. */
  readonly #line = new ByteQueue();
  #lines = 0;

  constructor(target: RowTarget, rowBytesMax: number) {
    this.#target = target;
    this.#rowBytesMax = rowBytesMax;
  }

  push(chunk: Buffer): void {
    let at = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, at);
      const piece = chunk.subarray(at, end < 0 ? chunk.length : end);
      checkBytes(this.#line.length + piece.length, this.#rowBytesMax, { line: this.#lines + 1 });
      if (end < 0) return this.#line.append(piece);
      if (this.#line.length === 0) this.#take(piece);
      else {
        this.#line.append(piece);
        this.#take(this.#line.take());
      }
      at = end + 1;
    }
  }

  end(): void {
    this.#take(this.#line.take());
  }

  #take(bytes: Buffer): void {
    const place = { line: ++this.#lines };
    const text = textOf(bytes, place).trim();
    if (text !== "") this.#target.row(text, place);
  }
}
