/**
 * The file in which steps wait for a store that is slow or down: a queue of lines in segments, of
 * which those that the store holds are deleted. After a crash the steps in it are stored first.
 */
import { open, readdir, readFile, unlink, writeFile, type FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Clock } from "../std/clock.ts";
import { packStep, unpackStep, type HistoryStep } from "./step.ts";

/** So many segments make a full spill: one is the grain in which space is freed. */
const SEGMENTS = 8;
const RETRY_MS = 1_000;
const NEW_LINE = 10;
const READ_BYTES = 1024 * 1024;

interface Segment {
  readonly path: string;
  bytes: number;
  lastSeq: number;
}

/** A step that is not in a file yet. */
interface Line {
  readonly line: Buffer;
  readonly seq: number;
}

export interface SpillOptions {
  /** The segments are files of this name with a number behind it. */
  readonly path: string;
  readonly bytesMax: number;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
}

export class Spill {
  readonly #options: SpillOptions;
  #segments: Segment[] = [];
  #nextNumber = 0;
  /** Steps that are not in a file yet, as lines. */
  #unwritten: Line[] = [];
  #unwrittenBytes = 0;
  #writing: Promise<void> | undefined;
  #hasFailed = false;
  #isClosed = false;
  #readAt = { segment: undefined as Segment | undefined, offset: 0, rest: Buffer.alloc(0) };

  constructor(options: SpillOptions) {
    this.#options = options;
  }

  /** Bytes in the files, and on the way there. */
  get bytes(): number {
    let bytes = this.#unwrittenBytes;
    for (const segment of this.#segments) bytes += segment.bytes;
    return bytes;
  }

  /** Whether it takes no more steps: over its bound, or its disk fails. */
  get isFull(): boolean {
    return this.#hasFailed || this.bytes >= this.#options.bytesMax;
  }

  /**
   * The steps that an earlier process has left, if they continue directly after the store: each
   * step after `seq`, in order, up to a line that was not written whole.
   */
  async *leftover(seq: number): AsyncIterable<HistoryStep> {
    for (const path of await this.#files()) {
      const lines = (await readFile(path, "utf8")).split("\n");
      lines.pop();
      for (const line of lines) {
        const step = unpackStep(line);
        if (step.seq > seq) yield step;
      }
    }
  }

  /** Deletes the files of an earlier process. */
  async clear(): Promise<void> {
    for (const path of await this.#files()) await unlink(path);
  }

  append(step: HistoryStep): void {
    const line = Buffer.from(`${packStep(step)}\n`);
    this.#unwritten.push({ line, seq: step.seq });
    this.#unwrittenBytes += line.length;
    this.#writing ??= this.#write();
  }

  /** The next steps, about a megabyte; none when all were read. */
  async read(): Promise<readonly HistoryStep[]> {
    if (this.#unwritten.length > 0 && !this.#hasFailed) await this.#written();
    for (;;) {
      const { segment = this.#segments[0], offset } = this.#readAt;
      if (segment === undefined) return [];
      this.#readAt.segment = segment;
      const bytes = await readAt(
        segment.path,
        offset,
        Math.min(READ_BYTES, segment.bytes - offset),
      );
      if (bytes.length > 0) {
        const text = Buffer.concat([this.#readAt.rest, bytes]);
        const end = text.lastIndexOf(NEW_LINE) + 1;
        this.#readAt = {
          segment,
          offset: offset + bytes.length,
          rest: Buffer.from(text.subarray(end)),
        };
        if (end === 0) continue;
        return text
          .toString("utf8", 0, end - 1)
          .split("\n")
          .map(unpackStep);
      }
      const next = this.#segments[this.#segments.indexOf(segment) + 1];
      if (next === undefined) return [];
      this.#readAt = { segment: next, offset: 0, rest: Buffer.alloc(0) };
    }
  }

  /** Every step that is not in the store yet, without changing what `read` returns next. */
  async *scan(): AsyncIterable<HistoryStep> {
    await this.#written();
    for (const { path } of this.#segments.slice()) {
      const lines = (await readFile(path, "utf8").catch(ignoreMissing)).split("\n");
      lines.pop();
      for (const line of lines) yield unpackStep(line);
    }
  }

  /** Deletes the segments whose steps the store holds. */
  async release(durableSeq: number): Promise<void> {
    for (;;) {
      const [segment] = this.#segments;
      const grows = this.#segments.length === 1 && this.#unwritten.length > 0;
      if (segment === undefined || segment.lastSeq > durableSeq || grows) return;
      this.#segments.shift();
      if (this.#readAt.segment === segment)
        this.#readAt = { segment: undefined, offset: 0, rest: Buffer.alloc(0) };
      await unlink(segment.path).catch(ignoreMissing);
    }
  }

  /** Resolves when everything is in the files, or could not be written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
  }

  async #written(): Promise<void> {
    while (this.#writing !== undefined && !this.#hasFailed) await this.#writing;
  }

  async #write(): Promise<void> {
    const { clock, onFailure } = this.#options;
    try {
      while (this.#unwritten.length > 0) await this.#writeSome();
      this.#hasFailed = false;
    } catch (error) {
      this.#hasFailed = true;
      onFailure(error);
      if (!this.#isClosed)
        clock.after(RETRY_MS, () => {
          this.#writing ??= this.#write();
        });
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeSome(): Promise<void> {
    const segmentBytesMax = this.#options.bytesMax / SEGMENTS;
    let segment = this.#segments.at(-1);
    if (segment === undefined || segment.bytes >= segmentBytesMax) {
      const path = `${this.#options.path}.${String(this.#nextNumber++).padStart(8, "0")}`;
      await writeFile(path, "");
      segment = { path, bytes: 0, lastSeq: 0 };
      this.#segments.push(segment);
    }
    const taken: Line[] = [];
    let bytes = 0;
    for (const each of this.#unwritten) {
      if (bytes > 0 && segment.bytes + bytes + each.line.length > segmentBytesMax) break;
      taken.push(each);
      bytes += each.line.length;
    }
    // At a place of its own: what a failed write has left behind is overwritten.
    await writeAt(segment.path, segment.bytes, Buffer.concat(taken.map(({ line }) => line)));
    segment.bytes += bytes;
    segment.lastSeq = taken.at(-1)?.seq ?? segment.lastSeq;
    this.#unwritten.splice(0, taken.length);
    this.#unwrittenBytes -= bytes;
  }

  async #files(): Promise<readonly string[]> {
    const folder = dirname(this.#options.path);
    const prefix = `${basename(this.#options.path)}.`;
    const names = await readdir(folder).catch(() => [] as string[]);
    return names
      .filter((name) => name.startsWith(prefix) && /^\d{8}$/.test(name.slice(prefix.length)))
      .sort()
      .map((name) => join(folder, name));
  }
}

function ignoreMissing(error: unknown): "" {
  if ((error as { code?: unknown }).code === "ENOENT") return "";
  throw error;
}

async function withFile<T>(
  path: string,
  flags: string,
  use: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await open(path, flags);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  if (length <= 0) return Buffer.alloc(0);
  return withFile(path, "r", async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
    return buffer.subarray(0, bytesRead);
  });
}

async function writeAt(path: string, offset: number, bytes: Buffer): Promise<void> {
  await withFile(path, "r+", async (file) => {
    for (let at = 0; at < bytes.length;)
      at += (await file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
    await file.truncate(offset + bytes.length);
  });
}
