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
  /** The store holds everything up to here. */
  #durableSeq = 0;
  /** The newest step that `read` has returned. */
  #readSeq = 0;
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

  /** The next steps, about a megabyte, also those that no file has yet; none when all were read. */
  async read(): Promise<readonly HistoryStep[]> {
    for (;;) {
      const { segment = this.#segments[0], offset, rest } = this.#readAt;
      if (segment === undefined) return this.#nextUnwritten();
      this.#readAt.segment = segment;
      const length = Math.min(READ_BYTES, segment.bytes - offset);
      const bytes = await readAt(segment.path, offset, length);
      if (bytes.length > 0) {
        const text = Buffer.concat([rest, bytes]);
        const end = text.lastIndexOf(NEW_LINE) + 1;
        this.#readAt = {
          segment,
          offset: offset + bytes.length,
          rest: Buffer.from(text.subarray(end)),
        };
        if (end === 0) continue;
        return this.#noted(stepsIn(text.subarray(0, end)));
      }
      const next = this.#segments[this.#segments.indexOf(segment) + 1];
      if (next !== undefined) this.#readAt = { segment: next, offset: 0, rest: Buffer.alloc(0) };
      else if (segment.bytes === offset) return this.#nextUnwritten();
    }
  }

  /** A producer that never pauses keeps the file behind, and a disk that fails takes nothing. */
  #nextUnwritten(): readonly HistoryStep[] {
    const steps: HistoryStep[] = [];
    let bytes = 0;
    for (const each of this.#unwritten) {
      if (each.seq <= this.#readSeq) continue;
      if (bytes > READ_BYTES) break;
      steps.push(stepOf(each));
      bytes += each.line.length;
    }
    return this.#noted(steps);
  }

  #noted(steps: readonly HistoryStep[]): readonly HistoryStep[] {
    this.#readSeq = Math.max(this.#readSeq, steps.at(-1)?.seq ?? 0);
    return steps;
  }

  /**
   * Every step as of the call that is not in the store yet, in order, without changing what `read`
   * returns next. Steps may be missing that reach the store meanwhile.
   */
  async *scan(): AsyncIterable<HistoryStep> {
    // Each step is either in a file or in memory, and files only grow.
    const unwritten = this.#unwritten.slice();
    const files = this.#segments.map(({ path, bytes }) => ({ path, bytes }));
    for (const { path, bytes } of files)
      yield* stepsIn((await readFile(path).catch(nothingIfMissing)).subarray(0, bytes));
    for (const line of unwritten) yield stepOf(line);
  }

  /** Forgets the steps up to here, which the store holds, and deletes segments without others. */
  async release(durableSeq: number): Promise<void> {
    this.#durableSeq = durableSeq;
    this.#dropUnwritten(durableSeq);
    for (;;) {
      const [segment] = this.#segments;
      const mayGrow = this.#segments.length === 1 && this.#writing !== undefined;
      if (segment === undefined || segment.lastSeq > this.#durableSeq || mayGrow) return;
      this.#segments.shift();
      if (this.#readAt.segment === segment)
        this.#readAt = { segment: undefined, offset: 0, rest: Buffer.alloc(0) };
      await unlink(segment.path).catch(nothingIfMissing);
    }
  }

  /** Resolves when everything is in the files, or could not be written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
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
    // The store may have been faster than the disk.
    await this.release(this.#durableSeq).catch(onFailure);
  }

  #dropUnwritten(throughSeq: number): void {
    let count = 0;
    for (const { line, seq } of this.#unwritten) {
      if (seq > throughSeq) break;
      this.#unwrittenBytes -= line.length;
      count++;
    }
    this.#unwritten.splice(0, count);
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
    this.#dropUnwritten(segment.lastSeq);
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

function stepOf({ line }: Line): HistoryStep {
  return unpackStep(line.toString("utf8", 0, line.length - 1));
}

/** Of bytes that end with a whole line. */
function stepsIn(bytes: Buffer): readonly HistoryStep[] {
  return bytes.toString("utf8").split("\n").slice(0, -1).map(unpackStep);
}

function nothingIfMissing(error: unknown): Buffer {
  if ((error as { code?: unknown }).code === "ENOENT") return Buffer.alloc(0);
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
