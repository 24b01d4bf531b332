/**
 * The rows of one request while its body arrives: each is checked when it is complete. Keeps the
 * checked rows and the bytes of the next one, within the limits of ingest.
 */
import type { Hash } from "node:crypto";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { TidemarkError } from "../../std/errors.ts";
import type { ChannelDeclaration } from "../../log/channel.ts";
import type { CommitDraft } from "../../log/log.ts";
import { checkRowText, Transaction, type RowLimits } from "../channel.ts";
import type { IngestLimits } from "../ingest-limits.ts";
import { JsonRows } from "./json-rows.ts";
import { NdjsonRows } from "./ndjson-rows.ts";
import { RefusedRow, type RowPlace, type RowReader } from "./row-reader.ts";

export interface UploadOptions {
  readonly declaration: ChannelDeclaration;
  readonly row: StandardSchemaV1 | undefined;
  readonly format: "json" | "ndjson";
  readonly limits: IngestLimits;
  readonly rowLimits: RowLimits;
  /** Of the body; undefined where nobody asks for it. */
  readonly hash: Hash | undefined;
  /** Counts bytes. @throws TidemarkError `INGEST_FULL` */
  readonly admit: (bytes: number) => void;
}

export class Upload {
  readonly #options: UploadOptions;
  readonly #transaction = new Transaction();
  readonly #reader: RowReader;
  /** Rows and removed keys so far. */
  rows = 0;
  /** Bytes that were admitted. */
  bytes = 0;

  constructor(options: UploadOptions) {
    this.#options = options;
    const target = {
      row: (text: string, place: RowPlace) => this.#row(text, place),
      remove: (text: string, place: RowPlace) => this.#remove(text, place),
    };
    const Rows = options.format === "json" ? JsonRows : NdjsonRows;
    this.#reader = new Rows(target, options.rowLimits.rowBytesMax);
  }

  /**
   * The next bytes of the body. @throws TidemarkError `BAD_ROW`, `BAD_MESSAGE`,
   * `INGEST_TOO_LARGE`, `INGEST_FULL`
   */
  push(chunk: Buffer): void {
    const { admit, hash, limits } = this.#options;
    if (this.bytes + chunk.length > limits.requestBytesMax) throw tooLarge(limits);
    admit(chunk.length);
    this.bytes += chunk.length;
    hash?.update(chunk);
    this.#reader.push(chunk);
  }

  /** The whole body as one commit. @throws as `push` */
  draft(): CommitDraft {
    this.#reader.end();
    if (this.rows === 0)
      throw new TidemarkError("BAD_MESSAGE", "The body has no row, so there is nothing to write.");
    return this.#transaction.draft();
  }

  /** The hash of the body. */
  digest(): string {
    return this.#options.hash?.digest("hex") ?? "";
  }

  #row(text: string, place: RowPlace): void {
    const { declaration, row, rowLimits } = this.#options;
    this.#count();
    this.#transaction.upsert(
      declaration.name,
      located(place, () => checkRowText(declaration, row, rowLimits, text)),
    );
  }

  #remove(text: string, place: RowPlace): void {
    this.#count();
    const key = located(place, () => keyIn(text));
    this.#transaction.remove(this.#options.declaration.name, key);
  }

  #count(): void {
    const { limits } = this.#options;
    if (++this.rows > limits.requestRowsMax) throw tooLarge(limits);
  }
}

function keyIn(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch (cause) {
    throw new TidemarkError("BAD_ROW", "It is not JSON. Nothing was written.", { cause });
  }
}

/** Adds the place in the body to what is wrong with a row. */
function located<T>(place: RowPlace, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof TidemarkError && error.code === "BAD_ROW")
      throw new RefusedRow(place, error.message);
    throw error;
  }
}

/** What a request may have, for the head of a request too. */
export function tooLarge({ requestBytesMax, requestRowsMax }: IngestLimits): TidemarkError {
  return new TidemarkError(
    "INGEST_TOO_LARGE",
    `A request may have ${requestBytesMax} bytes and ${requestRowsMax} rows, since it is one commit. Nothing was written.`,
  );
}
