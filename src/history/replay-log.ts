/**
 * A log that replays a span of the past: it begins with the tables as of a seq, and then appends
 * the stored commits with their own seqs and times, as fast as they came or some times faster. To
 * seek, open another one. Between two commits it lets the time pass with commits without changes,
 * where the seqs leave room for them.
 *
 * Retains the commits of two reads of the store.
 */
import type { Cancel, Clock } from "../std/clock.ts";
import { assert } from "../std/assert.ts";
import { messageOf, TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { Commit, Log, LogReader, SourceStatus } from "../log/log.ts";
import type { Checkpoint } from "../table/checkpoint.ts";
import type { HistoryStore } from "./history.ts";
import type { HistoryLimits } from "./limits.ts";
import { readTables } from "./replay-tables.ts";
import { commitsOf, type StoredCommit } from "./replay-commits.ts";

/** What a replay calls itself in the channels' status and freshness. */
const REPLAY_SOURCE = "replay";

const STEP_MS = 20;
/** How long a client's time may stand still while nothing changes. */
const TICK_MS = 500;
const EDGE_POLL_MS = 100;

/** A place in the log; without `timeMs` where only the seq is known. */
export interface ReplayPlace {
  readonly seq: number;
  readonly timeMs: number | undefined;
}

export interface ReplayLogOptions {
  readonly store: HistoryStore;
  readonly clock: Clock;
  readonly limits: HistoryLimits;
  readonly epoch: string;
  /** The tables of the replay; asked for once, when it begins. */
  readonly channels: () => Promise<readonly ChannelDeclaration[]>;
  readonly from: ReplayPlace;
  /** Undefined: it goes on to the live edge, and follows it. */
  readonly to: ReplayPlace | undefined;
  /** What the store holds now. */
  readonly edge: () => { readonly seq: number; readonly timeMs: number };
  /** Times faster than it was; 0 stands still, Infinity is as fast as the readers take it. */
  readonly speed: number;
  /** Whether the clients have what was appended; asked for at the speed Infinity. */
  readonly isTaken: () => boolean;
  /** The replay can't go on. */
  readonly onFailed: (error: TidemarkError) => void;
}

export class ReplayLog implements Log {
  readonly epoch: string;
  readonly #options: ReplayLogOptions;
  readonly #abort = new AbortController();
  readonly #listeners = new Set<() => void>();
  /** Read from the store; they wait for their time. */
  #waiting: StoredCommit[] = [];
  /** Everything up to it has been read. */
  #readSeq: number;
  #isReading = false;
  /** Appended, and not acknowledged. */
  #commits: Commit[] = [];
  #head: number;
  #timeMs = 0;
  /** The replay's time at a moment of the clock; undefined until it is known. */
  #anchor: { readonly timeMs: number; readonly atMs: number } | undefined;
  #steppedAtMs = 0;
  #tickedAtMs = 0;
  #channels: readonly ChannelDeclaration[] = [];
  #checkpoint: Promise<Checkpoint> | undefined;
  #status: SourceStatus;
  #step: Cancel | undefined;
  #retryMs: number;
  #isClosed = false;

  constructor(options: ReplayLogOptions) {
    this.#options = options;
    this.epoch = options.epoch;
    this.#readSeq = options.from.seq;
    this.#head = options.from.seq;
    this.#retryMs = options.limits.retryMs;
    this.#status = statusAtStart(options);
  }

  /**
   * The tables with which it begins. @throws TidemarkError `HISTORY_TRIMMED`, `REPLAY_TOO_LARGE`
   */
  checkpoint(): Promise<Checkpoint> {
    this.#checkpoint ??= this.#readTables();
    return this.#checkpoint;
  }

  append(): Promise<number> {
    return Promise.reject(new TidemarkError("READ_ONLY", "A replay of the past takes no writes."));
  }

  async open(after: number): Promise<LogReader> {
    await this.checkpoint();
    assert(after === this.#head && this.#listeners.size === 0, "a replay has one reader");
    this.#steppedAtMs = this.#options.clock.monotonic();
    this.#tickedAtMs = this.#steppedAtMs;
    this.#schedule(0);
    const head = (): number => this.#head;
    return {
      epoch: this.epoch,
      get head() {
        return head();
      },
      read: (countMax) => this.#commits.slice(0, countMax),
      ack: (seq) => {
        const count = this.#commits.findIndex((commit) => commit.seq > seq);
        this.#commits.splice(0, count === -1 ? this.#commits.length : count);
      },
      onAppend: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
      // A replay has one history.
      onLost: () => () => {},
      close: () => this.close(),
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#step?.();
    this.#abort.abort();
    this.#waiting = [];
  }

  async #readTables(): Promise<Checkpoint> {
    const { channels, epoch, from, limits, store } = this.#options;
    this.#channels = await channels();
    const checkpoint = await readTables({
      store,
      channels: this.#channels,
      rowsMax: limits.replayRowsMax,
      epoch,
      from,
      status: this.#status,
      source: REPLAY_SOURCE,
    });
    this.#timeMs = checkpoint.timeMs;
    if (from.timeMs !== undefined) this.#passFrom(from.timeMs);
    return checkpoint;
  }

  #schedule(delayMs: number): void {
    this.#step?.();
    const { clock, speed } = this.#options;
    if (this.#isClosed || speed === 0 || this.#isEnded) return;
    this.#step = clock.after(delayMs, () => this.#run());
  }

  get #isEnded(): boolean {
    const { to } = this.#options;
    return to !== undefined && this.#head >= to.seq;
  }

  /** The time of then, which passes `speed` times as fast. */
  #now(): number {
    const { clock, speed } = this.#options;
    if (speed === Number.POSITIVE_INFINITY) return speed;
    if (this.#anchor === undefined) return Number.NEGATIVE_INFINITY;
    return this.#anchor.timeMs + (clock.monotonic() - this.#anchor.atMs) * speed;
  }

  #passFrom(timeMs: number): void {
    this.#anchor = { timeMs, atMs: this.#options.clock.monotonic() };
  }

  #run(): void {
    const { clock, limits } = this.#options;
    const nowMs = clock.monotonic();
    const rowsMax = (limits.replayRowsPerSecondMax / 1_000) * (nowMs - this.#steppedAtMs);
    this.#steppedAtMs = nowMs;
    const before = this.#head;
    if (this.#hasReader) {
      this.#appendDue(rowsMax);
      if (this.#head === before) this.#appendTick(nowMs);
    }
    if (this.#head !== before) {
      this.#tickedAtMs = nowMs;
      for (const listener of this.#listeners) listener();
    }
    this.#readAhead();
    this.#schedule(this.#isAtEdge ? EDGE_POLL_MS : STEP_MS);
  }

  /** Whether the reader has taken what was appended before. */
  get #hasReader(): boolean {
    const { isTaken, speed } = this.#options;
    return this.#commits.length === 0 && (speed !== Number.POSITIVE_INFINITY || isTaken());
  }

  #appendDue(rowsMax: number): void {
    const { to } = this.#options;
    let [next] = this.#waiting;
    // Where only a seq is known, the first commit sets the time.
    const firstMs = next?.timeMs ?? (this.#isReadTo(to?.seq) ? this.#timeMs : undefined);
    if (this.#anchor === undefined && firstMs !== undefined) this.#passFrom(firstMs);
    const now = this.#now();
    let rows = 0;
    let count = 0;
    for (; next !== undefined && next.timeMs <= now; next = this.#waiting[count]) {
      if (rows > 0 && rows + next.rows > rowsMax) {
        // The budget is spent, and the time waits for the commits.
        this.#passFrom(this.#timeMs);
        break;
      }
      rows += next.rows;
      count++;
      this.#append(next.seq, next.timeMs, next.changes, count === this.#waiting.length);
    }
    this.#waiting.splice(0, count);
    if (to !== undefined && this.#isReadTo(to.seq) && (to.timeMs ?? this.#timeMs) <= now)
      this.#append(to.seq, to.timeMs ?? this.#timeMs, [], true);
    else if (this.#isAtEdge && this.#status !== LIVE) this.#appendEdge();
  }

  #appendEdge(): void {
    if (this.#readSeq > this.#head)
      this.#append(this.#readSeq, this.#options.edge().timeMs, [], true);
  }

  /** Whether nothing is left to append up to a seq, and that seq itself is. */
  #isReadTo(seq = Number.POSITIVE_INFINITY): boolean {
    return this.#waiting.length === 0 && this.#readSeq >= seq && this.#head < seq;
  }

  /** Whether everything that the store holds has been appended. */
  get #isAtEdge(): boolean {
    const { edge, to } = this.#options;
    return to === undefined && this.#waiting.length === 0 && this.#readSeq >= edge().seq;
  }

  /** Moves the time on while nothing changes, with a seq that has no change. */
  #appendTick(nowMs: number): void {
    if (nowMs - this.#tickedAtMs < TICK_MS) return;
    if (this.#isAtEdge) return this.#appendEdge();
    const { to } = this.#options;
    const next = this.#waiting[0] ?? (this.#isReadTo(to?.seq) ? to : undefined);
    const now = this.#now();
    if (next?.timeMs === undefined || now <= this.#timeMs || now >= next.timeMs) return;
    const room = next.seq - 1 - this.#head;
    if (room <= 0) return;
    const passed = (now - this.#timeMs) / (next.timeMs - this.#timeMs);
    this.#append(this.#head + Math.max(1, Math.floor(room * passed)), now, [], false);
  }

  #append(seq: number, timeMs: number, changes: Commit["changes"], isLast: boolean): void {
    const said = isLast ? this.#statusAt(seq) : undefined;
    const status = said ?? this.#status;
    this.#timeMs = Math.max(this.#timeMs, timeMs);
    this.#commits.push({
      seq,
      previousSeq: this.#head,
      timeMs: this.#timeMs,
      changes,
      source: REPLAY_SOURCE,
      asOfMs: this.#timeMs,
      durableSeq: seq,
      ...(status !== this.#status && { status: [{ status }] }),
    });
    this.#status = status;
    this.#head = seq;
  }

  /** The status that begins with the last commit of what has been read. */
  #statusAt(seq: number): SourceStatus | undefined {
    const { edge, to } = this.#options;
    if (to === undefined) return seq >= edge().seq ? LIVE : undefined;
    return seq >= to.seq ? ENDED : undefined;
  }

  #readAhead(): void {
    const { edge, limits, to } = this.#options;
    const through = to?.seq ?? edge().seq;
    if (this.#isReading || this.#isClosed || this.#readSeq >= through) return;
    const rows = this.#waiting.reduce((sum, commit) => sum + commit.rows, 0);
    if (rows >= limits.replayReadMax) return;
    this.#isReading = true;
    void this.#read(through).finally(() => {
      this.#isReading = false;
    });
  }

  async #read(through: number): Promise<void> {
    const { limits, onFailed, store } = this.#options;
    const query = {
      channels: this.#channels.map(({ name }) => name),
      after: this.#readSeq,
      through,
      entriesMax: limits.replayReadMax,
    };
    try {
      const { entries, seq } = await store.changes(query, this.#abort.signal);
      if (this.#isClosed) return;
      this.#waiting.push(...commitsOf(entries));
      this.#readSeq = seq;
      this.#retryMs = limits.retryMs;
      this.#schedule(0);
    } catch (error) {
      if (this.#isClosed) return;
      if (error instanceof TidemarkError && error.retryable) {
        this.#schedule(this.#retryMs);
        this.#retryMs = Math.min(this.#retryMs * 2, limits.retryMsMax);
        return;
      }
      this.close();
      onFailed(
        error instanceof TidemarkError
          ? error
          : new TidemarkError("INTERNAL", `The replay failed: ${messageOf(error)}`),
      );
    }
  }
}

const LIVE: SourceStatus = { status: "live" };
const ENDED: SourceStatus = { status: "stale", reason: "end of the replay" };
const PAUSED: SourceStatus = { status: "stale", reason: "the replay is paused" };
const PLAYING: SourceStatus = { status: "catching_up", reason: "replay" };

function statusAtStart({ edge, from, speed, to }: ReplayLogOptions): SourceStatus {
  if (to !== undefined && from.seq >= to.seq) return ENDED;
  if (to === undefined && speed > 0 && from.seq >= edge().seq) return LIVE;
  return speed === 0 ? PAUSED : PLAYING;
}
