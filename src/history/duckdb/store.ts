/**
 * A history store in a DuckDB file: a table per channel, and a schema `tidemark` with the durable
 * state. A batch is one transaction, so a crash leaves all of it or nothing.
 */
import { systemClock, type Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { ChannelDeclaration } from "../../log/channel.ts";
import type {
  ChangesQuery,
  HistoryBatch,
  HistoryEntry,
  QueriedHistoryStore,
  NewestBounds,
  PageQuery,
  ScanQuery,
  StoredChanges,
  StoredChannel,
  StoredPage,
  StoredRow,
  StoredSpan,
  StoredState,
  StoreQuery,
} from "../history.ts";
import { PAGE_LIMITS, readPage, readUnorderedPage, type PageLimits } from "../sql/page-reader.ts";
import {
  keptFrom,
  nextState,
  openCatalog,
  writeChannel,
  writeCounts,
  writeState,
  type ChannelTable,
  type DurableState,
} from "./catalog.ts";
import { firstTimeOf, readChanges, seqAtTime } from "./changes.ts";
import { DuckDatabase, unavailable, type DuckDBOptions, type Session } from "./database.ts";
import { declareTable } from "./declare-table.ts";
import type { Layout } from "./layout.ts";
import { readNewest } from "./newest.ts";
import { readOwnQuery } from "./own-query.ts";
import { appendEntries, type PlacedEntry } from "./row-chunks.ts";
import { scanRows } from "./scan.ts";
import { trimTable } from "./trim.ts";
import { reloadAt, Versions } from "./versions.ts";

/** The WAL is moved into the file after so many bytes of rows at the latest. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;

export class DuckDBStore implements QueriedHistoryStore {
  readonly name = "duckdb";
  readonly spillFile: string | undefined;
  readonly #file: string;
  readonly #options: DuckDBOptions;
  readonly #clock: Clock;
  readonly #limits: PageLimits;
  readonly #tables = new Map<string, ChannelTable>();
  /** Channels whose keys proved to be written often. */
  readonly #rewritten = new Set<string>();
  /** Channels whose layout has marks that are not in the file yet. */
  readonly #marked = new Set<string>();
  #database: DuckDatabase | undefined;
  #state: DurableState = { seq: 0, timeMs: 0, sourcePositions: [], requestIds: [] };
  #bytesSinceCheckpoint = 0;

  constructor(
    file: string,
    options: DuckDBOptions,
    { clock = systemClock, limits = PAGE_LIMITS }: { clock?: Clock; limits?: PageLimits } = {},
  ) {
    this.#file = file;
    this.#options = options;
    this.#clock = clock;
    this.#limits = limits;
    this.spillFile = file === ":memory:" ? undefined : `${file}.spill`;
  }

  async open(): Promise<StoredState> {
    this.#database ??= await DuckDatabase.open(this.#file, this.#options);
    const { state, channels } = await this.#database.write(openCatalog);
    this.#state = state;
    this.#tables.clear();
    for (const table of channels) this.#tables.set(table.declared.channel.name, table);
    return { ...state, channels: channels.map(({ declared }) => declared) };
  }

  async declare(declared: StoredChannel): Promise<void> {
    const { name } = declared.channel;
    const tables = [...this.#tables.values()];
    const table = await this.#opened.write((session) =>
      declareTable(session, { declared, tables, clock: this.#clock }),
    );
    this.#tables.set(name, table);
  }

  async write(batch: HistoryBatch): Promise<void> {
    await this.#opened
      .write(async (session) => {
        const { seq } = this.#state;
        if (batch.seq <= seq) return;
        if (batch.after !== seq) throw foreignWriter(batch, seq);
        const tables = await this.#append(session, batch);
        await writeState(session, batch);
        return tables;
      })
      .then((tables) => {
        if (tables === undefined) return;
        // Readers may see the batch from here on.
        this.#state = nextState(this.#state, batch);
        for (const table of tables) {
          this.#tables.set(table.declared.channel.name, table);
          this.#marked.delete(table.declared.channel.name);
        }
      });
    for (const { json } of batch.entries) this.#bytesSinceCheckpoint += json?.length ?? 0;
    if (this.#bytesSinceCheckpoint < CHECKPOINT_BYTES) return;
    this.#bytesSinceCheckpoint = 0;
    await this.#opened.checkpoint();
  }

  /** Appends a batch's entries, and returns the tables as they are then. */
  async #append(session: Session, { entries }: HistoryBatch): Promise<readonly ChannelTable[]> {
    const byChannel = new Map<string, (readonly [entry: HistoryEntry, place: number])[]>();
    let [seq, place] = [0, 0];
    for (const entry of entries) {
      place = entry.seq === seq ? place + 1 : 0;
      seq = entry.seq;
      const list = byChannel.get(entry.channel);
      if (list === undefined) byChannel.set(entry.channel, [[entry, place]]);
      else list.push([entry, place]);
    }
    const tables: ChannelTable[] = [];
    for (const [channel, list] of byChannel) {
      const table = this.#tableOf(channel);
      const { layout } = table;
      const { rows, bytes, marks } = await appendEntries(
        session,
        { layout, clock: this.#clock },
        placed(list),
      );
      const grown = { ...table, rows: table.rows + rows, bytes: table.bytes + bytes };
      if (marks) this.#marked.add(channel);
      await (this.#marked.has(channel) ? writeChannel : writeCounts)(session, grown);
      tables.push(grown);
    }
    return tables;
  }

  page(query: PageQuery, signal?: AbortSignal): Promise<StoredPage> {
    const channel = query.channel.name;
    return this.#opened.read(async (session) => {
      // The first statement fixes what the transaction sees; the table is at least as new.
      const fromSeq = await keptFrom(session, channel, query.asOf);
      const table = this.#tableOf(channel);
      const reload = await reloadAt(session, table.layout, query.asOf);
      const source = new Versions({
        session,
        layout: table.layout,
        query,
        reload,
        isRewritten: this.#rewritten.has(channel),
      });
      const reading = { query, source, clock: this.#clock, limits: this.#limits, signal };
      const page = await (source.isSqlOrder ? readPage(reading) : readUnorderedPage(reading));
      if (source.isRewritten) this.#rewritten.add(channel);
      else this.#rewritten.delete(channel);
      return { ...page, fromSeq };
    }, signal);
  }

  newest(channel: ChannelDeclaration, bounds: NewestBounds): Promise<readonly StoredRow[]> {
    return this.#opened.read(async (session) => {
      const { asOf = this.#state.seq } = bounds;
      const { evict } = channel.bounds;
      await keptFrom(session, channel.name, asOf);
      const { layout } = this.#tableOf(channel.name);
      return readNewest(session, layout, { ...bounds, asOf, ...(evict && { evict }) });
    });
  }

  scan({ channel, asOf }: ScanQuery, signal?: AbortSignal): AsyncIterable<readonly StoredRow[]> {
    const layout = (): Layout => this.#tableOf(channel.name).layout;
    return this.#opened.stream((session) => scanRows(session, channel.name, layout, asOf), signal);
  }

  changes(query: ChangesQuery, signal?: AbortSignal): Promise<StoredChanges> {
    return this.#opened.read(async (session) => {
      for (const channel of query.channels) await keptFrom(session, channel, query.after);
      const tables = query.channels.map((channel) => this.#tableOf(channel));
      return readChanges(session, tables, query);
    }, signal);
  }

  query(sql: string): StoreQuery {
    return async (parameters = {}, signal) =>
      this.#opened.read((session) => readOwnQuery(session, sql, parameters), signal);
  }

  async seqAt(timeMs: number): Promise<number> {
    const { seq, timeMs: newestMs } = this.#state;
    if (timeMs >= newestMs) return seq;
    return this.#opened.read((session) => seqAtTime(session, [...this.#tables.values()], timeMs));
  }

  async span(channel: string): Promise<StoredSpan> {
    const table = this.#tableOf(channel);
    const { fromSeq, rows, bytes } = table;
    const fromTimeMs =
      fromSeq > 0
        ? table.fromTimeMs
        : await this.#opened.read((session) => firstTimeOf(session, table));
    return { fromSeq, fromTimeMs, rows, bytes };
  }

  async trim(channel: ChannelDeclaration, nowMs: number): Promise<void> {
    const table = await this.#opened.write((session) =>
      trimTable(session, {
        table: this.#tableOf(channel.name),
        channel,
        nowMs,
        seq: this.#state.seq,
      }),
    );
    this.#tables.set(channel.name, table);
  }

  async close(): Promise<void> {
    // On the driver's threads; DuckDB would do it on the event loop when the file is closed.
    await this.#database?.checkpoint();
    await this.#database?.close();
    this.#database = undefined;
  }

  get #opened(): DuckDatabase {
    if (this.#database === undefined) throw unavailable(new Error("it is not open"));
    return this.#database;
  }

  #tableOf(channel: string): ChannelTable {
    const table = this.#tables.get(channel);
    if (table === undefined) {
      throw new TidemarkError("NO_HISTORY", `The channel "${channel}" keeps no history.`);
    }
    return table;
  }
}

/** One after the other, so that the event loop runs between slices of them. */
function* placed(
  list: readonly (readonly [entry: HistoryEntry, place: number])[],
): Generator<PlacedEntry> {
  for (const [entry, place] of list) yield { ...entry, place };
}

function foreignWriter({ after, seq }: HistoryBatch, stored: number): TidemarkError {
  return new TidemarkError(
    "HISTORY_IN_USE",
    `The store holds everything up to seq ${stored}, and a batch of seqs ${after + 1} to ${seq} does not continue there: another server has written to it.`,
  );
}
