/**
 * Reads the log and writes what belongs to channels with history into the store: in batches, one at
 * a time, which grow while the store is busy. What the store does not hold yet waits, bounded; when
 * nothing more fits, producers are refused, and the channels' status tells it.
 */
import { delay, type Cancel, type Clock } from "../std/clock.ts";
import { messageOf, TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import { CHANNEL_HISTORY } from "../log/limits.ts";
import type { Commit, Log, LogReader, SourceStatus, StatusChange } from "../log/log.ts";
import { batchOf, declareAll } from "./batch.ts";
import { BatchPace } from "./batch-pace.ts";
import type { DerivedSteps } from "./derived-steps.ts";
import { DurableWaiters } from "./durable-waiters.ts";
import type { HistoryEntry, HistoryStore, StoredState } from "./history.ts";
import type { HistoryState } from "./history-state.ts";
import type { HistoryLimits } from "./limits.ts";
import { Pending } from "./pending.ts";
import type { Spill } from "./spill.ts";
import { StepReader, type HistoryStep } from "./step.ts";
import { isReload, withoutUnchangedRows } from "./unchanged-rows.ts";

const COMMITS_PER_READ = 1_000;
/** Each batch would be one more commit; rows that wait for eviction this long cost little. */
const DURABLE_INTERVAL_MS = 50;

const REFUSED = "the history store is behind, and rows are refused";

export interface HistoryLogger {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface HistoryWriterOptions {
  readonly store: HistoryStore;
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: HistoryLogger;
  readonly limits: HistoryLimits;
  readonly spill: Spill | undefined;
  readonly derived: DerivedSteps;
  /** What the store held when it was opened. */
  readonly stored: StoredState;
  /** The status that channels have in the tables now, to set it again after `HISTORY_FULL`. */
  readonly statusOf: (channel: string) => SourceStatus | undefined;
}

export class HistoryWriter {
  readonly #options: HistoryWriterOptions;
  readonly #steps: StepReader;
  readonly #pending: Pending;
  readonly #waiting = new DurableWaiters();
  readonly #pace: BatchPace;
  /** Sources that wait until the store has room. */
  readonly #blocked = new Set<() => void>();
  #reader: LogReader | undefined;
  #seq: number;
  #writing: Promise<void> | undefined;
  #timer: Cancel | undefined;
  #telling: Cancel | undefined;
  /** The newest commit that was taken from the log. */
  #takenSeq = 0;
  #failure: string | undefined;
  #retryMs: number;
  #isStopped = false;
  #isDraining = false;
  #onTaken: () => void = () => {};
  /** Channels that the store can't keep. */
  readonly #leftOut = new Set<string>();
  /** Channels whose rows are refused. */
  #refused: readonly string[] | undefined;
  /** What was said of each channel last, apart from that its rows are refused. */
  readonly #said = new Map<string, SourceStatus>();
  readonly #counts = { batches: 0, rows: 0, failures: 0, lastWriteMs: 0 };

  constructor(options: HistoryWriterOptions) {
    this.#options = options;
    this.#steps = new StepReader(options.stored);
    this.#pending = new Pending(options.limits, options.spill);
    this.#pace = new BatchPace((name) => this.#steps.channel(name)?.history ?? CHANNEL_HISTORY);
    this.#seq = options.stored.seq;
    this.#retryMs = options.limits.retryMs;
  }

  /** Makes the log keep what comes after the store's seq. */
  async open(): Promise<void> {
    this.#reader = await this.#options.log.open(this.#seq);
  }

  /** Begins to take commits. Before that, the node has opened its own reader. */
  start(): void {
    this.#reader?.onAppend(() => this.#take());
    this.#options.derived.onNews(() => this.#take());
    this.#take();
  }

  get state(): HistoryState {
    const { bytes, rows, spillBytes, oldestMs } = this.#pending;
    const reason = this.#failure;
    return {
      status: this.isFull ? "full" : reason === undefined ? "ok" : "retrying",
      ...(reason !== undefined && { reason }),
      durableSeq: this.durableSeq,
      pendingRows: rows,
      pendingBytes: bytes,
      spillBytes,
      lagMs: oldestMs === undefined ? 0 : Math.max(0, this.#options.clock.now() - oldestMs),
      ...this.#counts,
    };
  }

  /** The store holds everything up to this seq. */
  get durableSeq(): number {
    const oldest = this.#pending.oldest;
    if (oldest !== undefined) return oldest.seq - 1;
    return this.#pending.isEmpty ? Math.max(this.#seq, this.#takenSeq) : this.#seq;
  }

  /**
   * Everything up to this seq outlasts the process: the store holds it, or the spill's files do,
   * which are stored at the next start.
   */
  get #safeSeq(): number {
    return Math.max(this.durableSeq, this.#pending.writtenSeq);
  }

  /** Whether producers of channels with history are refused. */
  get isFull(): boolean {
    return this.#pending.isFull;
  }

  /** The channels that have history now. */
  get channels(): readonly ChannelDeclaration[] {
    return this.#steps.names.flatMap((name) => this.#steps.channel(name) ?? []);
  }

  hasHistory(channel: string): boolean {
    return this.#steps.channel(channel) !== undefined;
  }

  /** @throws TidemarkError `HISTORY_FULL` for a channel with history, when no more rows may wait */
  admit(channel: string): void {
    if (!this.isFull || !this.hasHistory(channel)) return;
    throw new TidemarkError(
      "HISTORY_FULL",
      `${this.#pending.rows} rows wait for the history store${this.#failure === undefined ? "" : ` (${this.#failure})`}, and no more fit. Nothing was written to channel "${channel}".`,
    );
  }

  /** Resolves when rows of these channels may be appended; at once for those without history. */
  async roomFor(channels: readonly string[]): Promise<void> {
    while (this.isFull && !this.#isStopped && channels.some((name) => this.hasHistory(name)))
      await new Promise<void>((resolve) => this.#blocked.add(resolve));
  }

  /**
   * Resolves when the store holds everything up to `seq`. @throws TidemarkError `STOPPED` when the
   * server stops before; the signal's reason when nobody waits any more
   */
  async durable(seq: number, signal?: AbortSignal): Promise<void> {
    if (seq <= this.durableSeq) return;
    if (this.#isStopped) throw stopped();
    const waiting = this.#waiting.wait(seq, signal);
    this.#schedule();
    await waiting;
  }

  /** Waits as `durable` does, but not while writes fail. */
  async isStored(seq: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#failure === undefined) await this.durable(seq, signal);
    return seq <= this.durableSeq;
  }

  /**
   * The entries of one channel that the store does not hold when the first are asked for, in order,
   * those of one commit together.
   */
  async *pendingOf(channel: string): AsyncGenerator<readonly HistoryEntry[]> {
    for await (const { entries } of this.#pending.all())
      yield entries.filter((entry) => entry.channel === channel);
  }

  /** Writes what waits, for at most `withinMs`, and ends. The tables follow until then. */
  async stop(withinMs: number): Promise<void> {
    if (this.#isStopped) return;
    this.#isDraining = true;
    const { clock, derived, spill } = this.#options;
    const late = delay(clock, withinMs).then(() => "late" as const);
    await this.#drain(late);
    // What the tables could not follow in time is kept without what is derived from it.
    derived.end();
    await this.#drain(late);
    this.#isStopped = true;
    this.#timer?.();
    this.#telling?.();
    this.#reader?.close();
    if (!this.#pending.isEmpty) this.#pending.spill();
    await spill?.close();
    this.#waiting.end(stopped());
    this.#release();
  }

  /** Until everything is stored, the store fails, or `late` resolves. */
  async #drain(late: Promise<"late">): Promise<void> {
    this.#take();
    for (;;) {
      const isWriting = !this.#pending.isEmpty && this.#failure === undefined;
      if (!isWriting && this.head <= this.#takenSeq) return;
      this.#schedule();
      const news = new Promise<void>((resolve) => (this.#onTaken = resolve));
      // A store that does not answer must not keep the server from stopping.
      if ((await Promise.race([this.#writing ?? news, news, late])) === "late") return;
    }
  }

  /** The newest commit of the log. */
  get head(): number {
    return this.#reader?.head ?? 0;
  }

  #release(): void {
    for (const resolve of this.#blocked) resolve();
    this.#blocked.clear();
  }

  /** Takes commits at once, so that the log keeps none for the store. */
  #take(): void {
    const reader = this.#reader;
    const { derived } = this.#options;
    if (reader === undefined || this.#isStopped) return;
    for (;;) {
      const commits = derived.due(reader.read(COMMITS_PER_READ));
      const last = commits.at(-1);
      if (last === undefined) break;
      for (const commit of commits) {
        const step = this.#steps.step(commit, derived.take(commit.seq));
        this.#noteStatus(commit);
        if (step !== undefined) this.#add(step);
      }
      this.#takenSeq = last.seq;
      reader.ack(last.seq);
    }
    this.#onTaken();
    this.#waiting.settle(this.durableSeq);
    this.#tellFull();
    this.#schedule();
  }

  #add(step: HistoryStep): void {
    this.#pending.push(step);
    this.#pace.add(step, this.#options.clock.monotonic());
  }

  #schedule(): void {
    if (this.#isStopped || this.#writing !== undefined || this.#pending.isEmpty) return;
    this.#timer?.();
    this.#timer = undefined;
    const waitMs = this.#waitMs();
    if (waitMs <= 0) this.#write();
    else this.#timer = this.#options.clock.after(waitMs, () => this.#write());
  }

  /** Until the first channel's batch is full or has waited long enough. */
  #waitMs(): number {
    if (this.#failure !== undefined && !this.#isDraining) return this.#retryMs;
    if (this.#isDraining || this.#pending.isSpilling) return 0;
    return this.#pace.waitMs(this.#options.clock.monotonic(), this.#waiting.count === 0);
  }

  #write(): void {
    this.#timer?.();
    this.#timer = undefined;
    this.#writing = this.#writeNext().finally(() => {
      this.#writing = undefined;
      this.#tellFull();
      this.#schedule();
    });
  }

  async #writeNext(): Promise<void> {
    const { clock, limits, logger, store } = this.#options;
    const beganMs = clock.monotonic();
    try {
      const steps = await this.#pending.next();
      const last = steps.at(-1);
      this.#pace.begin();
      if (last === undefined) return;
      await this.#declare(steps[0] as HistoryStep);
      const batch = batchOf(await this.#withoutUnchangedRows(steps), this.#seq, this.#leftOut);
      await store.write(batch);
      this.#seq = last.seq;
      await this.#pending.stored(last.seq);
      this.#counts.batches++;
      this.#counts.rows += batch.entries.length;
      this.#counts.lastWriteMs = clock.monotonic() - beganMs;
      this.#pace.end(this.#counts.lastWriteMs, clock.monotonic());
      if (this.#failure !== undefined) logger.warn({ store: store.name }, "history: writes again");
      this.#failure = undefined;
      this.#retryMs = limits.retryMs;
      this.#waiting.settle(this.durableSeq);
      this.tellSafe();
    } catch (error) {
      this.#counts.failures++;
      if (this.#failure === undefined)
        logger.error({ err: error, store: store.name }, "history: a write failed; tried again");
      this.#retryMs = Math.min(
        this.#failure === undefined ? limits.retryMs : this.#retryMs * 2,
        limits.retryMsMax,
      );
      this.#failure = messageOf(error);
      this.#pending.spill();
    }
  }

  /** A channel that the store can't keep is left out, and its status says so. */
  async #declare({ declares }: HistoryStep): Promise<void> {
    const { logger, store } = this.#options;
    for (const [name, error] of await declareAll(store, declares, this.#leftOut)) {
      this.#steps.leaveOut(name);
      logger.error({ err: error, channel: name }, "history: channel left out");
      this.#say([{ channels: [name], status: { status: "stale", reason: error.message } }]);
    }
  }

  /** A reload is the first step of its batch. */
  async #withoutUnchangedRows(steps: readonly HistoryStep[]): Promise<readonly HistoryStep[]> {
    const [first, ...rest] = steps;
    if (first === undefined || !isReload(first)) return steps;
    const stored = {
      store: this.#options.store,
      seq: this.#seq,
      channelOf: (name: string) =>
        this.#leftOut.has(name) ? undefined : this.#steps.channel(name),
    };
    return [await withoutUnchangedRows(first, stored), ...rest];
  }

  /** Lets the tables evict what outlasts the process. */
  tellSafe(): void {
    if (this.#telling !== undefined || this.#isStopped) return;
    const { clock, log } = this.#options;
    this.#telling = clock.after(DURABLE_INTERVAL_MS, () => {
      this.#telling = undefined;
      if (!this.#isStopped) log.append({ changes: [], durableSeq: this.#safeSeq }).catch(() => {});
    });
  }

  #tellFull(): void {
    const { isFull } = this;
    if (isFull === (this.#refused !== undefined) || this.#isStopped) return;
    if (isFull) {
      const { names } = this.#steps;
      for (const name of names)
        if (!this.#said.has(name))
          this.#said.set(name, this.#options.statusOf(name) ?? { status: "live" });
      this.#refused = names;
      const reason = `${REFUSED}${this.#failure === undefined ? "" : `: ${this.#failure}`}`;
      this.#say([{ channels: names, status: { status: "stale", reason } }]);
      return;
    }
    this.#release();
    const names = this.#refused ?? [];
    this.#refused = undefined;
    this.#say(
      names.map((name) => ({
        channels: [name],
        status: this.#said.get(name) ?? { status: "live" },
      })),
    );
  }

  /** What its source says of a channel while rows are refused holds again when there is room. */
  #noteStatus({ drops = [], source, status = [] }: Commit): void {
    for (const name of drops) this.#said.delete(name);
    for (const { channels = this.#steps.namesOf(source), status: said } of status) {
      const isRefusal = said.status === "stale" && said.reason.startsWith(REFUSED);
      if (!isRefusal) for (const name of channels) this.#said.set(name, said);
    }
  }

  #say(status: readonly StatusChange[]): void {
    this.#options.log.append({ changes: [], status }).catch(() => {});
  }
}

function stopped(): TidemarkError {
  return new TidemarkError("STOPPED", "The server stopped before the store held the rows.");
}
