/**
 * The file in which steps wait for a store that is slow or down: a queue of lines in segments, of
 * which those that the store holds are deleted. After a crash the steps in it are stored first.
 *
 * Retains the steps that are not in a file yet; while the disk fails, they are read from memory.
 */
import { readdir, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Cancel, Clock } from "../std/clock.ts";
import { EventLoopSlices } from "../std/event-loop-slices.ts";
import { createFile, readLines, writeAt } from "./spill-file.ts";
import { isThrough, packStep, unpackStep, type HistoryStep } from "./step.ts";

/** So many segments make a full spill: one is the grain in which space is freed. */
const SEGMENTS = 8;
const RETRY_MS = 1_000;
/** So much is packed before it is time to look whether the slice of the event loop is over. */
const PART_BYTES = 256 * 1024;
/** Eviction and the store wait for it, so the work of a busy server must not starve it. */
const SLICES = { leastMs: 0, mostMs: 25 };
/** So much is written at once: each write waits for some turns of the event loop, and the disk. */
const WRITE_BYTES = 4 * 1024 * 1024;
const NEW_LINE = Buffer.from("\n");
/** What a step and an entry take in a line beside the row, about. */
const [STEP_BYTES, ENTRY_BYTES] = [32, 32];

interface Segment {
  readonly path: string;
  bytes: number;
  lastSeq: number;
}

export interface SpillOptions {
  /** The segments are files of this name with a number behind it. */
  readonly path: string;
  readonly bytesMax: number;
  readonly clock: Clock;
  readonly onFailure: (error: unknown) => void;
  /** Called when `writtenSeq` has risen. */
  readonly onWritten?: () => void;
}

export class Spill {
  readonly #options: SpillOptions;
  #segments: Segment[] = [];
  #nextNumber = 0;
  /** Steps that are not in a file yet, those of the present write included. */
  #unwritten: HistoryStep[] = [];
  #unwrittenBytes = 0;
  #writing: Promise<void> | undefined;
  #retry: Cancel | undefined;
  #hasFailed = false;
  #isClosed = false;
  #writtenSeq = 0;
  /** A write that began before everything was forgotten does not count. */
  #generation = 0;
  #readAt = { segment: undefined as Segment | undefined, offset: 0 };
  #readSeq = 0;
  /** Scans that are under way, and the files that they may still read. */
  #scans = 0;
  #released: string[] = [];

  constructor(options: SpillOptions) {
    this.#options = options;
  }

  /** Bytes in the files, and on the way there, about. */
  get bytes(): number {
    let bytes = this.#unwrittenBytes;
    for (const segment of this.#segments) bytes += segment.bytes;
    return bytes;
  }

  /** The newest step that is in a file, and outlasts the process; 0 for none yet. */
  get writtenSeq(): number {
    return this.#writtenSeq;
  }

  /** Whether it takes no more steps: over its bound, or its disk fails. */
  get isFull(): boolean {
    return this.#hasFailed || this.bytes >= this.#options.bytesMax;
  }

  /**
   * The steps that an earlier process has left after `seq`, in order, up to a line that was not
   * written whole.
   */
  async *leftover(seq: number): AsyncGenerator<HistoryStep> {
    const paths = await this.#files();
    for (const path of paths) {
      const { size } = await stat(path);
      try {
        const end = yield* stepsIn({ path, bytes: size }, seq);
        if (end === size) continue;
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
        return this.#reportDamage(path);
      }
      // The last line of the last file is not whole where the process was killed.
      if (path !== paths.at(-1)) this.#reportDamage(path);
      return;
    }
  }

  /** Deletes the files of an earlier process. */
  async clear(): Promise<void> {
    for (const path of await this.#files()) await unlink(path);
  }

  append(step: HistoryStep): void {
    this.#unwritten.push(step);
    this.#unwrittenBytes += bytesOf(step);
    if (this.#retry === undefined) this.#writing ??= this.#write();
  }

  /** The next steps after `seq`, some at a time; none when all were read. */
  async read(seq = 0): Promise<readonly HistoryStep[]> {
    this.#readSeq = Math.max(this.#readSeq, seq);
    for (;;) {
      const { segment = this.#segments[0], offset } = this.#readAt;
      if (segment === undefined) return this.#nextUnwritten();
      const end = segment.bytes;
      const { lines, next } = await readLines(segment.path, offset, end);
      if (lines.length > 0) {
        this.#readAt = { segment, offset: next };
        const steps = await this.#unpacked(lines);
        if (steps.length > 0) return this.#handedOut(steps);
        continue;
      }
      // What was not in the file yet may be now.
      if (segment.bytes > end) continue;
      const following = this.#segments[this.#segments.indexOf(segment) + 1];
      if (following === undefined) return this.#nextUnwritten();
      this.#readAt = { segment: following, offset: 0 };
    }
  }

  /**
   * Every step after `seq` that it has when the scan begins, without changing what `read` returns
   * next.
   */
  async *scan(seq: number): AsyncGenerator<HistoryStep> {
    const segments = this.#segments.map((segment) => ({ ...segment }));
    const unwritten = this.#unwritten.slice();
    this.#scans++;
    try {
      for (const segment of segments) yield* stepsIn(segment, seq);
      for (const step of unwritten) if (step.seq > seq) yield step;
    } finally {
      this.#scans--;
      await this.#deleteReleased();
    }
  }

  /** Deletes the segments whose steps the store holds. */
  async release(durableSeq: number): Promise<void> {
    for (;;) {
      const [segment] = this.#segments;
      const grows = this.#segments.length === 1 && this.#unwritten.length > 0;
      if (segment === undefined || segment.lastSeq > durableSeq || grows) break;
      this.#segments.shift();
      this.#released.push(segment.path);
      if (this.#readAt.segment === segment) this.#readAt = { segment: undefined, offset: 0 };
    }
    await this.#deleteReleased();
  }

  /** Deletes everything: the store holds it all, also what is not in a file yet. */
  async forget(): Promise<void> {
    this.#generation++;
    this.#released.push(...this.#segments.map(({ path }) => path));
    this.#segments = [];
    this.#unwritten = [];
    this.#unwrittenBytes = 0;
    this.#readAt = { segment: undefined, offset: 0 };
    this.#hasFailed = false;
    await this.#deleteReleased();
  }

  /** Resolves when everything is in the files, or could not be written. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#writing;
    if (this.#unwritten.length === 0) return;
    this.#writing ??= this.#write();
    await this.#writing;
  }

  async #unpacked(lines: readonly string[]): Promise<readonly HistoryStep[]> {
    const steps: HistoryStep[] = [];
    const slices = new EventLoopSlices(this.#options.clock, SLICES);
    let bytes = 0;
    for (const line of lines) {
      if (isThrough(line, this.#readSeq)) continue;
      if (bytes >= PART_BYTES) {
        if (slices.isOver) await slices.next();
        bytes = 0;
      }
      steps.push(unpackStep(line));
      bytes += line.length;
    }
    return steps;
  }

  #handedOut(steps: readonly HistoryStep[]): readonly HistoryStep[] {
    this.#readSeq = steps.at(-1)?.seq ?? this.#readSeq;
    return steps;
  }

  #nextUnwritten(): readonly HistoryStep[] {
    const steps: HistoryStep[] = [];
    let bytes = 0;
    for (const step of this.#unwritten) {
      if (step.seq <= this.#readSeq) continue;
      steps.push(step);
      bytes += bytesOf(step);
      if (bytes >= PART_BYTES) break;
    }
    return this.#handedOut(steps);
  }

  async #write(): Promise<void> {
    const { clock, onFailure } = this.#options;
    this.#retry?.();
    this.#retry = undefined;
    try {
      while (this.#unwritten.length > 0) {
        await this.#writeSome();
        this.#hasFailed = false;
      }
    } catch (error) {
      this.#hasFailed = true;
      onFailure(error);
      if (!this.#isClosed)
        this.#retry = clock.after(RETRY_MS, () => {
          this.#writing ??= this.#write();
        });
    } finally {
      this.#writing = undefined;
    }
  }

  async #writeSome(): Promise<void> {
    const generation = this.#generation;
    try {
      const segment = await this.#openSegment();
      if (segment === undefined) return;
      const { count, bytes } = await this.#packed(segment);
      if (generation !== this.#generation) return;
      // At a place of its own: what a failed write has left behind is overwritten.
      await writeAt(segment.path, segment.bytes, bytes);
      if (generation !== this.#generation) return;
      segment.bytes += bytes.length;
      const written = this.#unwritten.splice(0, count);
      segment.lastSeq = written.at(-1)?.seq ?? segment.lastSeq;
      for (const step of written) this.#unwrittenBytes -= bytesOf(step);
      this.#writtenSeq = segment.lastSeq;
      this.#options.onWritten?.();
    } catch (error) {
      // Its file was deleted with everything else.
      if (generation === this.#generation) throw error;
    }
  }

  /** The segment that grows; undefined when everything was forgotten meanwhile. */
  async #openSegment(): Promise<Segment | undefined> {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.bytes < this.#segmentBytesMax) return last;
    const generation = this.#generation;
    const path = `${this.#options.path}.${String(this.#nextNumber++).padStart(8, "0")}`;
    await createFile(path);
    if (generation !== this.#generation) {
      await unlink(path);
      return undefined;
    }
    const segment = { path, bytes: 0, lastSeq: 0 };
    this.#segments.push(segment);
    return segment;
  }

  get #segmentBytesMax(): number {
    return this.#options.bytesMax / SEGMENTS;
  }

  /** The next steps as lines, within a write and the room of the segment, but at least one. */
  async #packed(segment: Segment): Promise<{ readonly count: number; readonly bytes: Buffer }> {
    const lines: Buffer[] = [];
    let bytes = 0;
    let partEnd = PART_BYTES;
    const slices = new EventLoopSlices(this.#options.clock, SLICES);
    for (const step of this.#unwritten.slice()) {
      const line = await this.#lineOf(step, slices);
      if (bytes > 0 && segment.bytes + bytes + line.length > this.#segmentBytesMax) break;
      lines.push(line);
      bytes += line.length;
      if (bytes >= WRITE_BYTES) break;
      if (bytes < partEnd) continue;
      if (slices.isOver) await slices.next();
      partEnd = bytes + PART_BYTES;
    }
    return { count: lines.length, bytes: Buffer.concat(lines) };
  }

  /** A large step is packed in slices, so that the event loop stays free. */
  async #lineOf(step: HistoryStep, slices: EventLoopSlices): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (const part of packStep(step, PART_BYTES)) {
      if (parts.length > 0 && slices.isOver) await slices.next();
      parts.push(Buffer.from(part));
    }
    return Buffer.concat([...parts, NEW_LINE]);
  }

  async #deleteReleased(): Promise<void> {
    if (this.#scans > 0) return;
    const paths = this.#released;
    this.#released = [];
    for (const path of paths)
      await unlink(path).catch((error: unknown) => this.#options.onFailure(error));
  }

  #reportDamage(path: string): void {
    const what = `The spill file ${path} is damaged. The rows behind the damage are lost.`;
    this.#options.onFailure(new Error(what));
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

/** The steps after `seq` in a file. Returns the place behind the last whole line. */
async function* stepsIn(
  { path, bytes }: Pick<Segment, "path" | "bytes">,
  seq: number,
): AsyncGenerator<HistoryStep, number> {
  for (let at = 0; ;) {
    const { lines, next } = await readLines(path, at, bytes);
    if (lines.length === 0) return at;
    for (const line of lines) if (!isThrough(line, seq)) yield unpackStep(line);
    at = next;
  }
}

/** Of its line, about. */
function bytesOf({ bytes, entries }: HistoryStep): number {
  return STEP_BYTES + bytes + entries.length * ENTRY_BYTES;
}
