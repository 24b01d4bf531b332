/**
 * Writes batches: the entries of each channel, then the ids of ingest requests, then the state.
 * What is repeated with the same token has no effect, so a batch that failed half-way is written
 * again as it was. A different batch in its place needs a new epoch first, in which the rows of the
 * failed one do not count.
 */
import { InvariantError } from "../../std/assert.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { HistoryBatch } from "../history.ts";
import { FIXED_HISTORY_LIMITS } from "../limits.ts";
import {
  byChannel,
  columnNames,
  linesOf,
  OWN_TABLES,
  tableSql,
  type ChannelTable,
} from "./channel-table.ts";
import type { ClickHouseConnection } from "./connection.ts";
import type { StateTable } from "./state-table.ts";

/** A connection that the server had closed fails once. */
const ATTEMPTS = 2;

export interface BatchWriterOptions {
  readonly connection: ClickHouseConnection;
  readonly database: string;
  readonly state: StateTable;
  readonly writer: string;
  /** The tables of all channels, as SQL. */
  readonly tables: () => Promise<readonly string[]>;
  readonly tableOf: (channel: string) => ChannelTable | undefined;
  /** Lets other work run. */
  readonly pause: () => Promise<void>;
}

export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #requests: string;
  /** The batch whose outcome is not known. */
  #attempted: string | undefined;

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    this.#requests = tableSql(options.database, `${OWN_TABLES}requests`);
  }

  async create(): Promise<void> {
    await this.#options.connection.run(`CREATE TABLE IF NOT EXISTS ${this.#requests} (
      _seq UInt64, _place UInt32, _epoch UInt32, id String
    ) ENGINE = MergeTree ORDER BY (_seq, _place)
    SETTINGS non_replicated_deduplication_window = 1000`);
  }

  /** The newest ids, oldest first. */
  async requestIds(): Promise<readonly string[]> {
    const rows = await this.#options.connection.rows<[string]>(
      `SELECT id FROM ${this.#requests}
       ORDER BY _seq DESC, _place DESC LIMIT ${FIXED_HISTORY_LIMITS.requestIdsMax}`,
    );
    return rows.map(([id]) => id).reverse();
  }

  async write(batch: HistoryBatch): Promise<void> {
    const { state } = this.#options;
    if (batch.seq <= state.state.seq) return;
    const { after } = batch;
    if (after !== state.state.seq) throw elsewhere(after, state.state.seq);
    const attempt = `${after}-${batch.seq}`;
    const isOther = this.#attempted !== undefined && this.#attempted !== attempt;
    if (isOther || !state.isClaimed) {
      await state.claimAgain();
      await this.deleteLeftovers();
    }
    this.#attempted = attempt;
    const stored = state.state;
    // The batch before may have become durable without an answer.
    const rest = after === stored.seq ? batch : await this.#restOf(batch, stored.seq);
    if (rest !== undefined) {
      await this.#insert(rest);
      await state.write({
        seq: rest.seq,
        timeMs: rest.timeMs,
        sourcePositions: new Map([...stored.sourcePositions, ...rest.sourcePositions]),
      });
    }
    this.#attempted = undefined;
  }

  /** What a batch brings beyond a seq within it. */
  async #restOf(batch: HistoryBatch, seq: number): Promise<HistoryBatch | undefined> {
    if (seq >= batch.seq) return undefined;
    const rows = await this.#options.connection.rows<[string]>(
      `SELECT id FROM ${this.#requests} WHERE _seq > ${batch.after}`,
    );
    const known = new Set(rows.map(([id]) => id));
    return {
      ...batch,
      after: seq,
      entries: batch.entries.filter((entry) => entry.seq > seq),
      requestIds: batch.requestIds.filter((id) => !known.has(id)),
    };
  }

  /** Deletes the rows of batches that earlier epochs did not finish. */
  async deleteLeftovers(): Promise<void> {
    const { connection, state } = this.#options;
    const tables = await this.#options.tables();
    const epochs = await state.epochs();
    const isLeftover = epochs
      .map(({ epoch, startSeq }) => `(_epoch < ${epoch} AND _seq > ${startSeq})`)
      .join(" OR ");
    for (const table of [this.#requests, ...tables]) {
      const [row] = await connection.rows<[number]>(
        `SELECT count() FROM ${table} WHERE ${isLeftover}`,
      );
      if (row?.[0] !== 0) await connection.run(`DELETE FROM ${table} WHERE ${isLeftover}`);
    }
  }

  async #insert(batch: HistoryBatch): Promise<void> {
    const { connection, pause, state, tableOf, writer } = this.#options;
    const { epoch } = state;
    const token = `${writer}:${epoch}:${batch.after}-${batch.seq}`;
    const inserts = [...byChannel(batch.entries)].map(async ([channel, entries]) => {
      const table = tableOf(channel);
      if (table === undefined) throw new InvariantError(`channel "${channel}" was not declared`);
      await attempted(() =>
        connection.insert(
          tableSql(this.#options.database, table.name),
          columnNames(table),
          linesOf(table, epoch, entries, pause),
          token,
        ),
      );
    });
    if (batch.requestIds.length > 0) {
      const lines = batch.requestIds.map(
        (id, place) => `${JSON.stringify([batch.seq, place, epoch, id])}\n`,
      );
      const columns = ["_seq", "_place", "_epoch", "id"];
      inserts.push(attempted(() => connection.insert(this.#requests, columns, lines, token)));
    }
    // An insert that still runs must not meet the next attempt.
    const failed = (await Promise.allSettled(inserts)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }
}

function elsewhere(after: number, seq: number): TidemarkError {
  return new TidemarkError(
    "HISTORY_IN_USE",
    `A history batch continues after seq ${after}, and the store is at ${seq}.`,
  );
}

async function attempted(work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}
