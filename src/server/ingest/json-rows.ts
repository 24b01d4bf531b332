/**
 * Rows of a body that is JSON: one row, a list of rows, or `{"rows": […], "remove": […]}` with
 * either list or both. It finds where each item ends, and leaves the item's syntax to who parses
 * it.
 *
 *     start ─"["─▶ before ─item─▶ within ─▶ after ─"]"─▶ end
 *       └──"{"──▶ head ─"[" of a list─▶ before …      after a list of a batch: members, then end
 *                  └─────else──────▶ within, as the only row
 */
import { TidemarkError } from "../../std/errors.ts";
import { ByteQueue } from "./byte-queue.ts";
import { checkBytes, textOf, type RowPlace, type RowReader, type RowTarget } from "./row-reader.ts";

const [QUOTE, BACKSLASH, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET, COMMA] = [
  0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d, 0x2c,
];
/** Bytes within which a batch names its first list; an object that does not is a row. */
const HEAD_BYTES_MAX = 64;
const HEAD = /^\s*[{,]\s*"(rows|remove)"\s*:\s*\[$/;

type ListName = "rows" | "remove";
/** Where a byte that is no space decides alone what follows. */
type Between =
  | "start"
  /** Before an item, or before the end of an empty list. */
  | "before"
  | "after"
  /** After a list of a batch. */
  | "members"
  | "end";
/** `head`: within the beginning of an object, or of a member of a batch. */
type State = Between | "head" | "within";

export class JsonRows implements RowReader {
  readonly #target: RowTarget;
  readonly #rowBytesMax: number;
  readonly #bytes = new ByteQueue();
  readonly #item = new ItemEnd();
  readonly #counts = { rows: 0, remove: 0 };
  #state: State = "start";
  /** What the body is; undefined until that is known. */
  #shape: "row" | "list" | "batch" | undefined;
  #list: ListName = "rows";
  #isListEmpty = true;

  constructor(target: RowTarget, rowBytesMax: number) {
    this.#target = target;
    this.#rowBytesMax = rowBytesMax;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const state = this.#state;
      if (state === "within") at = this.#within(chunk, at);
      else if (state === "head") this.#head(chunk.subarray(at, ++at));
      else if (isSpace(chunk[at])) at++;
      else at = this.#between(state, chunk[at] as number, at);
    }
  }

  end(): void {
    if (this.#state !== "end") throw malformed("It ends before its JSON is complete.");
  }

  /** A byte that is no space, outside of items. Returns the place to go on from. */
  #between(state: Between, byte: number, at: number): number {
    const isBatch = this.#shape === "batch";
    switch (state) {
      case "start":
        if (byte === OPEN_BRACE) return this.#to("head", at);
        if (byte !== OPEN_BRACKET) break;
        this.#shape = "list";
        return this.#to("before", at + 1);
      case "before":
        if (byte === CLOSE_BRACKET && this.#isListEmpty)
          return this.#to(isBatch ? "members" : "end", at + 1);
        this.#isListEmpty = false;
        return this.#begin(byte, at);
      case "after":
        if (byte === COMMA) return this.#to("before", at + 1);
        if (byte === CLOSE_BRACKET) return this.#to(isBatch ? "members" : "end", at + 1);
        break;
      case "members":
        if (byte === COMMA) return this.#to("head", at);
        if (byte === CLOSE_BRACE) return this.#to("end", at + 1);
        break;
      case "end":
        break;
    }
    throw malformed(`"${String.fromCodePoint(byte)}" is not expected ${PLACES[state]}.`);
  }

  #to(state: State, at: number): number {
    this.#state = state;
    return at;
  }

  /** An item of the list begins. */
  #begin(byte: number, at: number): number {
    if (byte !== (this.#list === "rows" ? OPEN_BRACE : QUOTE))
      throw malformed(
        this.#list === "rows"
          ? `Item ${this.#counts.rows} of the rows is not an object.`
          : `Item ${this.#counts.remove} of remove is not a string: it has the keys of rows.`,
      );
    this.#item.begin();
    return this.#to("within", at);
  }

  /** Until it is known whether an object is a batch, or which list a batch goes on with. */
  #head(byte: Buffer): void {
    this.#bytes.append(byte);
    const isFirst = this.#shape === undefined;
    const isDecided =
      byte[0] === OPEN_BRACKET || byte[0] === CLOSE_BRACE || this.#bytes.length >= HEAD_BYTES_MAX;
    if (!isDecided) return;
    const head = this.#bytes.take();
    const list = HEAD.exec(head.toString("latin1"))?.[1];
    if (list !== undefined) {
      this.#shape = "batch";
      this.#list = list as ListName;
      this.#isListEmpty = true;
      this.#state = "before";
      return;
    }
    if (!isFirst) throw malformed('A batch has the lists "rows" and "remove", and nothing else.');
    this.#shape = "row";
    this.#item.begin();
    this.#state = "within";
    this.push(head);
  }

  #within(chunk: Buffer, at: number): number {
    const end = this.#item.find(chunk, at);
    const piece = chunk.subarray(at, end < 0 ? chunk.length : end);
    const place = this.#place();
    checkBytes(this.#bytes.length + piece.length, this.#rowBytesMax, place);
    if (end < 0) {
      this.#bytes.append(piece);
      return chunk.length;
    }
    let bytes = piece;
    if (this.#bytes.length > 0) {
      this.#bytes.append(piece);
      bytes = this.#bytes.take();
    }
    this.#counts[this.#list]++;
    const text = textOf(bytes, place);
    if (this.#list === "rows") this.#target.row(text, place);
    else this.#target.remove(text, place);
    return this.#to(this.#shape === "row" ? "end" : "after", end);
  }

  #place(): RowPlace {
    return this.#list === "rows"
      ? { index: this.#counts.rows }
      : { remove_index: this.#counts.remove };
  }
}

/** Finds the end of an object or a string that arrives in pieces. */
class ItemEnd {
  #depth = 0;
  #isInText = false;
  #isEscaped = false;

  begin(): void {
    this.#depth = 0;
    this.#isInText = false;
    this.#isEscaped = false;
  }

  /** The place behind the last byte of the item, or -1 if it goes on behind the chunk. */
  find(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.#isInText) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === BACKSLASH) this.#isEscaped = true;
        else if (byte === QUOTE) {
          this.#isInText = false;
          if (this.#depth === 0) return at + 1;
        }
      } else if (byte === QUOTE) this.#isInText = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth++;
      else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --this.#depth === 0)
        return at + 1;
    }
    return -1;
  }
}

const PLACES = {
  start: "at the beginning: a body is a row, a list of rows, or {rows, remove}",
  before: "before an item",
  after: "after an item",
  members: "after a list",
  end: "after the end",
} as const;

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function malformed(what: string): TidemarkError {
  return new TidemarkError("BAD_MESSAGE", `The body is not JSON that can be written. ${what}`);
}
