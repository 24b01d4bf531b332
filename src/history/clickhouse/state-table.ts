/**
 * The table of what is durable, and of who writes. A batch counts once its row stands here, which
 * is written last. Each opening claims a new epoch; rows of channels carry it, so that what an
 * earlier writer's server finishes too late is known as such and never read.
 *
 * ClickHouse has no locks, so two writers are kept apart as well as rows can: an opening waits
 * until the writer before it has said nothing for `leaseMs`, and a writer looks after each batch,
 * before it reports it durable, whether its epoch is still the newest.
 */
import { TidemarkError } from "../../std/errors.ts";
import { delay, type Cancel, type Clock } from "../../std/clock.ts";
import { OWN_TABLES, tableSql } from "./channel-table.ts";
import type { ClickHouseConnection } from "./connection.ts";

/** Of the tables. A store of a later format is refused. */
const FORMAT = 1;
/** Openings whose late rows are looked for. */
const EPOCHS_MAX = 20;

export interface DurableState {
  readonly seq: number;
  readonly timeMs: number;
  readonly sourcePositions: ReadonlyMap<string, string>;
}

/** One opening: rows of earlier epochs end at its seq. */
export interface Epoch {
  readonly epoch: number;
  readonly startSeq: number;
}

export interface StateTableOptions {
  readonly connection: ClickHouseConnection;
  readonly database: string;
  readonly clock: Clock;
  readonly leaseMs: number;
  /** Differs for each opening. */
  readonly writer: string;
}

type StateRow = readonly [
  epoch: number,
  writer: string,
  version: number,
  isReleased: boolean,
  ageMs: number,
  format: number,
];

const EMPTY: DurableState = { seq: 0, timeMs: 0, sourcePositions: new Map() };

export class StateTable {
  readonly #options: StateTableOptions;
  readonly #table: string;
  #epoch: Epoch = { epoch: 0, startSeq: 0 };
  #ownEpochs: readonly Epoch[] = [];
  #state = EMPTY;
  #version = 0;
  #isLost = false;
  #isClaimed = false;
  #beat: Cancel | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: StateTableOptions) {
    this.#options = options;
    this.#table = tableSql(options.database, `${OWN_TABLES}state`);
  }

  get epoch(): number {
    return this.#epoch.epoch;
  }

  /** The epochs of this opening, oldest first: more than one after batches that failed. */
  get ownEpochs(): readonly Epoch[] {
    return this.#ownEpochs;
  }

  get state(): DurableState {
    return this.#state;
  }

  async create(): Promise<void> {
    await this.#options.connection.run(`CREATE TABLE IF NOT EXISTS ${this.#table} (
      epoch UInt32, writer String, version UInt64, is_released Bool, written_at DateTime64(3) DEFAULT now64(3),
      format UInt16, start_seq UInt64, seq UInt64, time_ms Int64, source_positions String
    ) ENGINE = ReplacingMergeTree(version) ORDER BY (epoch, writer)`);
  }

  /** @throws TidemarkError `HISTORY_IN_USE` when another writer writes, or opens too */
  async claim(): Promise<void> {
    const last = await this.#lastFree();
    if ((last?.[5] ?? 0) > FORMAT) {
      throw new TidemarkError(
        "BAD_OPTION",
        `The ClickHouse database was written by a later version of Tidemark (format ${last?.[5]}).`,
      );
    }
    await this.#begin((last?.[0] ?? 0) + 1);
    this.#schedule();
  }

  /** False after an attempt to begin an epoch whose outcome is not known. */
  get isClaimed(): boolean {
    return this.#isClaimed;
  }

  /** Begins an epoch of the same writer, after a batch that failed in the middle. */
  claimAgain(): Promise<void> {
    return this.#inTurn(async () => {
      const [epoch] = await this.#verify();
      await this.#begin(epoch + 1);
    });
  }

  /** The newest epochs, this one included. */
  async epochs(): Promise<readonly Epoch[]> {
    const rows = await this.#options.connection.rows<[number, number]>(
      `SELECT epoch, max(start_seq) FROM ${this.#table} WHERE version > 0
       GROUP BY epoch ORDER BY epoch DESC LIMIT ${EPOCHS_MAX}`,
    );
    return rows.map(([epoch, startSeq]) => ({ epoch, startSeq }));
  }

  /**
   * @throws TidemarkError `HISTORY_IN_USE` when another writer has begun; nothing is durable then
   */
  write(state: DurableState): Promise<void> {
    return this.#inTurn(async () => {
      await this.#insertNext(state, false);
      await this.#verify();
      this.#state = state;
    });
  }

  /** Lets the next opening begin at once. */
  async release(): Promise<void> {
    this.#beat?.();
    this.#beat = undefined;
    // Whoever opens next waits for the lease, at worst.
    if (!this.#isLost && this.#version > 0)
      await this.#inTurn(() => this.#insertNext(this.#state, true)).catch(() => {});
  }

  async #begin(epoch: number): Promise<void> {
    const { connection, writer } = this.#options;
    this.#isClaimed = false;
    await this.#insert({ epoch, startSeq: 0 }, 0, EMPTY);
    const [first] = await connection.rows<[number, string]>(
      `SELECT epoch, writer FROM ${this.#table} WHERE epoch >= {epoch:UInt32}
       ORDER BY epoch DESC, version DESC, written_at, writer LIMIT 1`,
      { epoch },
    );
    if (first?.[0] !== epoch || first[1] !== writer) throw inUse("another process opens it too");
    // From here on an earlier writer reports nothing as durable.
    const state = await this.#durableBefore(epoch);
    const begun = { epoch, startSeq: state.seq };
    await this.#insert(begun, 1, state);
    this.#epoch = begun;
    this.#ownEpochs = [...this.#ownEpochs, begun].slice(-EPOCHS_MAX);
    this.#version = 2;
    this.#state = state;
    this.#isClaimed = true;
  }

  async #durableBefore(epoch: number): Promise<DurableState> {
    const [row] = await this.#options.connection.rows<[number, number, string]>(
      `SELECT seq, time_ms, source_positions FROM ${this.#table}
       WHERE version > 0 AND epoch < {epoch:UInt32} ORDER BY epoch DESC, version DESC LIMIT 1`,
      { epoch },
    );
    if (row === undefined) return EMPTY;
    const [seq, timeMs, positions] = row;
    return {
      seq,
      timeMs,
      sourcePositions: new Map(JSON.parse(positions) as readonly (readonly [string, string])[]),
    };
  }

  /** The last writer's row, once nobody writes. */
  async #lastFree(): Promise<StateRow | undefined> {
    const { clock, leaseMs } = this.#options;
    const first = await this.#last();
    let last = first;
    while (last !== undefined && !last[3] && last[4] <= leaseMs) {
      await delay(clock, Math.max(1, leaseMs / 5));
      last = await this.#last();
      if (last?.[0] !== first?.[0] || last?.[2] !== first?.[2]) {
        if (last?.[3] === true) break;
        throw inUse("another process writes it");
      }
    }
    return last;
  }

  async #last(): Promise<StateRow | undefined> {
    const [row] = await this.#options.connection.rows<StateRow>(
      `SELECT epoch, writer, version, is_released,
         toUnixTimestamp64Milli(now64(3)) - toUnixTimestamp64Milli(written_at), format
       FROM ${this.#table} ORDER BY epoch DESC, version DESC LIMIT 1`,
    );
    return row;
  }

  #insertNext(state: DurableState, isReleased: boolean): Promise<void> {
    return this.#insert(this.#epoch, this.#version++, state, isReleased);
  }

  async #insert(
    { epoch, startSeq }: Epoch,
    version: number,
    state: DurableState,
    isReleased = false,
  ): Promise<void> {
    const { connection, writer } = this.#options;
    const row = {
      epoch,
      writer,
      version,
      is_released: isReleased,
      format: FORMAT,
      start_seq: startSeq,
      seq: state.seq,
      time_ms: state.timeMs,
      source_positions: JSON.stringify([...state.sourcePositions]),
    };
    const line = `${JSON.stringify(Object.values(row))}\n`;
    await connection.insert(this.#table, Object.keys(row), [line], "");
  }

  /** The newest row, which must be this writer's. */
  async #verify(): Promise<StateRow> {
    const last = this.#isLost ? undefined : await this.#last();
    if (last?.[1] === this.#options.writer) return last;
    this.#isLost = true;
    throw inUse("another process has opened it");
  }

  /** Says from time to time that this writer lives. */
  #schedule(): void {
    const { clock, leaseMs } = this.#options;
    this.#beat = clock.after(leaseMs / 3, () => {
      // A server that does not answer now is found by the next batch.
      void this.#inTurn(() => this.#insertNext(this.#state, false))
        .catch(() => {})
        .then(() => {
          if (this.#beat !== undefined && !this.#isLost) this.#schedule();
        });
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#writing.then(work);
    this.#writing = done.catch(() => {});
    return done;
  }
}

function inUse(why: string): TidemarkError {
  return new TidemarkError("HISTORY_IN_USE", `The ClickHouse history can't be opened: ${why}.`);
}
