/**
 * A server's history: opens the store before the log begins, brings the tables back to where the
 * store is, and writes what the log brings. It stands between the log and the store.
 */
import type { Cancel, Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import { CHANNEL_HISTORY } from "../log/limits.ts";
import type { Log, SourceStatus } from "../log/log.ts";
import type { LogBeginning } from "../log/memory.ts";
import { firstState } from "../table/channel-state.ts";
import type { ChannelCheckpoint, Checkpoint } from "../table/checkpoint.ts";
import type { Derivation } from "../table/derivation.ts";
import type { DerivedStep } from "../table/derived-tables.ts";
import { beginWith } from "./begin-with.ts";
import { DerivedRecovery, type MendedTables } from "./derived-recovery.ts";
import { DerivedSteps } from "./derived-steps.ts";
import { declaredTables, settledRows } from "./derived-tables.ts";
import type { HistoryStore, StoredChannel, StoredSpan, StoredState } from "./history.ts";
import { HistorySpans } from "./history-spans.ts";
import { FIXED_HISTORY_LIMITS, historyLimits, type HistoryLimits } from "./limits.ts";
import { HistoryReader, type LiveEdge } from "./reader.ts";
import { Spill } from "./spill.ts";
import { storeLeftover } from "./leftover.ts";
import type { HistoryState } from "./history-state.ts";
import { HistoryWriter, type HistoryLogger } from "./writer.ts";

/** The tables that the history belongs to. */
export interface LiveTables extends MendedTables {
  /** Of the last commit that was applied. */
  readonly seq: number;
  readonly timeMs: number;
  channel(name: string): ChannelDeclaration | undefined;
  statusOf(name: string): SourceStatus | undefined;
  /** Called with what each commit was for derived tables with history. */
  onDerived(listener: (step: DerivedStep) => void): void;
}

export interface HistoryHostOptions {
  readonly store: HistoryStore;
  readonly clock: Clock;
  readonly logger: HistoryLogger;
  readonly limits: Partial<HistoryLimits> | undefined;
  /** The program's own channels. */
  readonly declares: readonly ChannelDeclaration[];
  /** Derived tables, each behind those that it is derived from. */
  readonly derivations: readonly Derivation[];
}

export class HistoryHost {
  readonly store: HistoryStore;
  readonly limits: HistoryLimits;
  /** What the log continues from; resolves in `open`. */
  readonly begin: Promise<LogBeginning>;
  readonly #options: HistoryHostOptions;
  #begun: (beginning: LogBeginning) => void = () => {};
  #failed: (error: unknown) => void = () => {};
  #isOpen: Promise<void> | undefined;
  #opening: Promise<StoredState> | undefined;
  #writer: HistoryWriter | undefined;
  #reader: HistoryReader | undefined;
  readonly #spans: HistorySpans;
  #recovery: DerivedRecovery | undefined;
  #trimming: Cancel | undefined;
  #isStopped = false;

  constructor(options: HistoryHostOptions) {
    this.#options = options;
    this.store = options.store;
    this.#spans = new HistorySpans(options.store, options.clock);
    this.limits = historyLimits(options.limits);
    this.begin = new Promise((resolve, reject) => {
      this.#begun = resolve;
      this.#failed = reject;
    });
    // Who needs it gets the error too.
    this.begin.catch(() => {});
  }

  /**
   * Opens the store, and then the log; once, however often it is called. @throws TidemarkError
   * `HISTORY_UNAVAILABLE`, `HISTORY_IN_USE`, `BAD_OPTION` for a channel whose stored rows have
   * another key
   */
  open(log: Log, tables: LiveTables): Promise<void> {
    this.#isOpen ??= this.#open(log, tables);
    return this.#isOpen;
  }

  async #open(log: Log, tables: LiveTables): Promise<void> {
    const { clock, declares, logger, store } = this.#options;
    const { limits } = this;
    const spill = this.#spill();
    this.#opening = this.#openStore(spill);
    try {
      const stored = await this.#opening;
      for (const channel of declares)
        if (channel.history !== undefined) await store.declare({ channel, source: undefined });
      this.#begun(stored);
      const writer = new HistoryWriter({
        store,
        log,
        clock,
        logger,
        limits,
        spill,
        derived: this.#derivedSteps(tables),
        stored,
        statusOf: (name) => tables.statusOf(name),
      });
      await writer.open();
      this.#writer = writer;
      if (this.#options.derivations.some(({ keepsEvicted }) => keepsEvicted))
        this.#recovery = new DerivedRecovery({ store, log, clock, logger, tables, writer });
      this.#reader = new HistoryReader({ store, clock, limits, edge: edgeOf(tables, writer) });
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Begins to write. Before that, the node has opened its reader of the log. */
  start(): void {
    this.#writer?.start();
    this.#trimLater();
  }

  /**
   * Ids of the newest ingest requests in the store when it was opened, with their seqs, oldest
   * first.
   */
  async requestIds(): Promise<readonly string[]> {
    await this.begin;
    return (await (this.#opening as Promise<StoredState>)).requestIds;
  }

  /** The tables of channels with history as the store has them. */
  async findCheckpoint(epoch: string): Promise<Checkpoint> {
    await this.begin;
    const stored = await (this.#opening as Promise<StoredState>);
    const { seq, timeMs, sourcePositions } = stored;
    const channels: ChannelCheckpoint[] = [];
    for (const { channel, source } of await this.#channelsOf(stored)) {
      const { rowsMax, bytesMax, ageMsMax } = channel.bounds;
      const rows = await this.store.newest(channel, {
        rowsMax,
        bytesMax,
        sinceMs: timeMs - ageMsMax,
      });
      channels.push({
        declaration: channel,
        state: firstState(source, timeMs),
        total: undefined,
        rows: beginWith(rows, seq),
      });
    }
    const { store } = this;
    const settled = await settledRows(this.#options.derivations, channels, { store, seq });
    return { epoch, seq, timeMs, durableSeq: seq, sourcePositions, asOf: [], channels, ...settled };
  }

  get reader(): HistoryReader {
    if (this.#reader !== undefined) return this.#reader;
    throw new TidemarkError("NOT_READY", "The history store is not open yet.");
  }

  get writer(): HistoryWriter {
    if (this.#writer !== undefined) return this.#writer;
    throw new TidemarkError("NOT_READY", "The history store is not open yet.");
  }

  /** Undefined until the store is open. */
  get state(): HistoryState | undefined {
    return this.#writer?.state;
  }

  /** What the store holds of a channel, as of some seconds ago; undefined where it is not known. */
  spanOf(channel: string): StoredSpan | undefined {
    return this.#writer === undefined || this.#isStopped ? undefined : this.#spans.of(channel);
  }

  async stop(withinMs: number): Promise<void> {
    this.#failed(new TidemarkError("STOPPED", "The server was stopped before it started."));
    this.#isStopped = true;
    this.#trimming?.();
    this.#recovery?.stop();
    await this.#writer?.stop(withinMs);
    if (this.#opening !== undefined) await this.store.close();
  }

  #trimLater(): void {
    this.#trimming = this.#options.clock.after(this.limits.trimIntervalMs, () => {
      void this.#trim().finally(() => {
        if (!this.#isStopped) this.#trimLater();
      });
    });
  }

  /** Forgets what the channels' declarations no longer keep. */
  async #trim(): Promise<void> {
    const { clock, logger } = this.#options;
    for (const channel of this.#writer?.channels ?? []) {
      const { keepMs, keepRows, keepBytes } = channel.history ?? CHANNEL_HISTORY;
      if (Math.min(keepMs, keepRows, keepBytes) === Number.POSITIVE_INFINITY) continue;
      try {
        await this.store.trim(channel, clock.now());
      } catch (err) {
        logger.error({ err, channel: channel.name }, "history: could not be trimmed; tried again");
      }
    }
  }

  /** What an earlier process has left in its spill is stored first. */
  async #openStore(spill: Spill | undefined): Promise<StoredState> {
    const { store } = this.#options;
    const stored = await store.open();
    if (spill === undefined) return this.#leaveGap(stored);
    const count = await storeLeftover(spill, store, stored, this.limits.batchRowsMax);
    await spill.clear();
    if (count === 0) return this.#leaveGap(stored);
    await store.close();
    return this.#leaveGap(await store.open());
  }

  /** Moves the stored seq above every seq that an earlier process may have told. */
  async #leaveGap(stored: StoredState): Promise<StoredState> {
    const { channels, seq: after, timeMs } = stored;
    if (after === 0 && channels.length === 0) return stored;
    const seq = after + FIXED_HISTORY_LIMITS.seqGap;
    const nothing = { entries: [], sourcePositions: [], requestIds: [] };
    await this.store.write({ ...nothing, after, seq, timeMs });
    return { ...stored, seq };
  }

  #spill(): Spill | undefined {
    const { clock, logger, store } = this.#options;
    if (store.spillFile === undefined) return undefined;
    return new Spill({
      path: store.spillFile,
      bytesMax: this.limits.spillBytesMax,
      clock,
      onFailure: (err) => logger.error({ err }, "history: the spill file fails"),
      onWritten: () => this.#writer?.tellSafe(),
    });
  }

  #derivedSteps(tables: LiveTables): DerivedSteps {
    const hasHistory = this.#options.derivations.some((derivation) => derivation.hasHistory);
    return new DerivedSteps(hasHistory ? (listener) => tables.onDerived(listener) : undefined);
  }

  /**
   * The program's channels as they are declared now, the sources' as they were, and the tables that
   * are derived from these. @throws TidemarkError `BAD_OPTION`
   */
  async #channelsOf({ channels }: StoredState): Promise<readonly StoredChannel[]> {
    const own = this.#options.declares
      .filter(({ history }) => history !== undefined)
      .map((channel): StoredChannel => ({ channel, source: undefined }));
    const names = new Set(this.#options.declares.map(({ name }) => name));
    const others = channels.filter(
      ({ channel, source }) => source !== undefined && !names.has(channel.name),
    );
    const known = [...this.#options.declares, ...others.map(({ channel }) => channel)];
    const derived = declaredTables(this.#options.derivations, known).map(
      (channel): StoredChannel => ({ channel, source: undefined }),
    );
    for (const each of derived) await this.store.declare(each);
    return [...own, ...others, ...derived];
  }
}

function edgeOf(tables: LiveTables, writer: HistoryWriter): LiveEdge {
  return {
    get seq() {
      return tables.seq;
    },
    get timeMs() {
      return tables.timeMs;
    },
    get head() {
      return writer.head;
    },
    channel: (name) => tables.channel(name),
    pendingOf: (channel) => writer.pendingOf(channel),
    isStored: (seq, signal) => writer.isStored(seq, signal),
  };
}
