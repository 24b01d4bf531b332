/**
 * Finds the rows in a body while it arrives. A reader keeps at most the bytes of one row; each row
 * goes on as text as soon as it is complete.
 */
import { isUtf8 } from "node:buffer";
import { TidemarkError } from "../../std/errors.ts";

/** Where a row stands in the body: lines count from 1, indexes from 0. */
export type RowPlace =
  | { readonly line: number }
  | { readonly index: number }
  /** In the list `remove`. */
  | { readonly remove_index: number };

export interface RowTarget {
  row(text: string, place: RowPlace): void;
  /** `text` is a JSON string. */
  remove(text: string, place: RowPlace): void;
}

export interface RowReader {
  /** @throws TidemarkError `BAD_ROW`, `BAD_MESSAGE`, and what the target throws */
  push(chunk: Buffer): void;
  /** The body is complete. @throws as `push` */
  end(): void;
}

/** A row that was refused, with its place. */
export class RefusedRow extends TidemarkError {
  readonly place: RowPlace;

  constructor(place: RowPlace, what: string) {
    super("BAD_ROW", `${placeText(place)}: ${what}`);
    this.place = place;
  }
}

function placeText(place: RowPlace): string {
  if ("line" in place) return `Line ${place.line}`;
  return "index" in place ? `Row ${place.index}` : `Key ${place.remove_index} of remove`;
}

/** @throws RefusedRow for bytes that are not UTF-8 */
export function textOf(bytes: Buffer, place: RowPlace): string {
  if (!isUtf8(bytes)) throw new RefusedRow(place, "It is not valid UTF-8. Nothing was written.");
  return bytes.toString("utf8");
}

/** @throws RefusedRow for a row that has grown too large */
export function checkBytes(bytes: number, bytesMax: number, place: RowPlace): void {
  if (bytes <= bytesMax) return;
  throw new RefusedRow(
    place,
    `It has more than the ${bytesMax} bytes of rowBytesMax. Nothing was written.`,
  );
}
