/**
 * History in ClickHouse: a table per channel, and the store's own tables. A batch is several
 * inserts; what makes it whole is the row in the state table that follows them. What changes
 * something runs one after another.
 */
import { systemClock, type Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import { systemRandom } from "../../std/random.ts";
import type { ChannelDeclaration } from "../../log/channel.ts";
import { CHANNEL_HISTORY } from "../../log/limits.ts";
import type {
  ChangesQuery,
  HistoryBatch,
  QueriedHistoryStore,
  PageQuery,
  ScanQuery,
  StoredChanges,
  StoredChannel,
  StoredPage,
  NewestBounds,
  StoredRow,
  StoredSpan,
  StoredState,
  StoreQuery,
} from "../history.ts";
import { BatchWriter } from "./batch-writer.ts";
import { ChannelCatalog, type CatalogEntry } from "./channel-catalog.ts";
import {
  channelTable,
  createTableSql,
  layoutOf,
  tableName,
  tableSql,
  type ChannelTable,
} from "./channel-table.ts";
import { ClickHouseConnection, NETWORK_MS_MAX, quotedName } from "./connection.ts";
import { clickhouseLimits, type ClickHouseLimits } from "./limits.ts";
import { newestRows, Pages } from "./pages.ts";
import { rebuildTable } from "./rebuild.ts";
import { scanRows } from "./scan.ts";
import type { Snapshot } from "./snapshot.ts";
import { changesIn, newestSeqAt, sizeOf } from "./span.ts";
import { StateTable } from "./state-table.ts";
import { cutoffOf, deleteBelow } from "./trim.ts";

export interface ClickHouseOptions {
  /** The database; made when it is missing. Default: that of the address, or `tidemark`. */
  readonly database?: string;
  /**
   * A file for rows that wait for the server and do not fit into memory. Without one, producers are
   * refused then.
   */
  readonly spillFile?: string;
  readonly limits?: Partial<ClickHouseLimits>;
}

/** What an open store has. */
interface Opened {
  readonly connection: ClickHouseConnection;
  readonly state: StateTable;
  readonly catalog: ChannelCatalog;
  readonly batches: BatchWriter;
  readonly pages: Pages;
}

export class ClickHouseStore implements QueriedHistoryStore {
  readonly name = "clickhouse";
  readonly spillFile: string | undefined;
  readonly #url: string;
  readonly #database: string;
  readonly #limits: ClickHouseLimits;
  readonly #clock: Clock;
  readonly #tables = new Map<string, ChannelTable>();
  /** By channel: the cutoff below which this process has deleted. */
  readonly #trimmed = new Map<string, number>();
  readonly #running = new Set<Promise<unknown>>();
  #changing: Promise<unknown> = Promise.resolve();
  #opened: Opened | undefined;

  constructor(url: string, options: ClickHouseOptions = {}, clock: Clock = systemClock) {
    const address = parsedAddress(url);
    const path = decodeURIComponent(address.pathname.slice(1));
    address.pathname = "/";
    this.#url = address.href;
    this.#database = options.database ?? (path === "" ? "tidemark" : path);
    this.#limits = clickhouseLimits(options.limits);
    this.#clock = clock;
    this.spillFile = options.spillFile;
  }

  async open(): Promise<StoredState> {
    const connection = await ClickHouseConnection.open({
      url: this.#url,
      limits: this.#limits,
      clock: this.#clock,
    });
    const writer = systemRandom.id(16);
    const database = this.#database;
    const state = new StateTable({
      connection,
      database,
      writer,
      clock: this.#clock,
      leaseMs: this.#limits.leaseMs,
    });
    const batches = new BatchWriter({
      connection,
      database,
      state,
      writer,
      tables: () => this.#existing(connection),
      tableOf: (channel) => this.#tables.get(channel),
      pause: () => this.#pause(),
    });
    const catalog = new ChannelCatalog(connection, database);
    try {
      await connection.run(`CREATE DATABASE IF NOT EXISTS ${quotedName(database)}`);
      for (const part of [state, catalog, batches]) await part.create();
      await state.claim();
      await catalog.load();
      this.#tables.clear();
      for (const { stored, table } of catalog.all) {
        this.#tables.set(stored.channel.name, channelTable(stored.channel, table));
      }
      await batches.deleteLeftovers();
      this.#opened = {
        connection,
        state,
        catalog,
        batches,
        pages: new Pages(connection, this.#clock),
      };
      const { seq, timeMs, sourcePositions } = state.state;
      return {
        seq,
        timeMs,
        sourcePositions: [...sourcePositions],
        requestIds: await batches.requestIds(),
        channels: catalog.all.map(({ stored }) => stored),
      };
    } catch (error) {
      this.#opened = undefined;
      await state.release();
      await connection.close();
      throw error;
    }
  }

  declare(declared: StoredChannel): Promise<void> {
    return this.#change(async (opened) => {
      const { name } = declared.channel;
      const known = opened.catalog.get(name);
      if (known === undefined) await this.#create(opened, declared);
      else await this.#redeclare(opened, known, declared);
    });
  }

  write(batch: HistoryBatch): Promise<void> {
    return this.#change(({ batches }) => batches.write(batch));
  }

  page(query: PageQuery, signal?: AbortSignal): Promise<StoredPage> {
    return this.#read(async (opened) => {
      const table = this.#tableOf(query.channel.name);
      const check = (): number => refuseTrimmed(opened.catalog.get(query.channel.name), query.asOf);
      check();
      const page = await opened.pages.page(table, this.#snapshot(opened), query, signal);
      // Rows may have been deleted between its statements.
      return { ...page, fromSeq: check() };
    });
  }

  newest(
    { name, bounds: { evict } }: ChannelDeclaration,
    bounds: NewestBounds,
  ): Promise<readonly StoredRow[]> {
    return this.#read(async (opened) => {
      const check = (): void => {
        if (bounds.asOf !== undefined) refuseTrimmed(opened.catalog.get(name), bounds.asOf);
      };
      check();
      const table = this.#tableOf(name);
      const rows = await newestRows(opened.connection, table, this.#snapshot(opened), {
        ...bounds,
        ...(evict && { evict }),
      });
      check();
      return rows;
    });
  }

  async *scan(
    { channel, asOf }: ScanQuery,
    signal?: AbortSignal,
  ): AsyncGenerator<readonly StoredRow[]> {
    const { catalog, connection, state } = this.#need();
    const table = this.#tableOf(channel.name);
    const snapshot = this.#snapshot({ state });
    const check = (): void => void refuseTrimmed(catalog.get(channel.name), asOf);
    check();
    for await (const rows of scanRows(connection, table, snapshot, asOf, signal)) {
      // Rows may have been deleted meanwhile.
      check();
      yield rows;
    }
    check();
  }

  changes({ channels, ...span }: ChangesQuery, signal?: AbortSignal): Promise<StoredChanges> {
    return this.#read(async (opened) => {
      const check = (): void => {
        for (const name of channels) refuseTrimmed(opened.catalog.get(name), span.after);
      };
      check();
      const tables = channels.map((name) => this.#tableOf(name));
      const snapshot = this.#snapshot(opened);
      const changes = await changesIn(opened.connection, tables, snapshot, span, signal);
      check();
      return changes;
    });
  }

  seqAt(timeMs: number): Promise<number> {
    return this.#read(async (opened) => {
      const { state } = opened.state;
      if (state.timeMs <= timeMs) return state.seq;
      return newestSeqAt(
        opened.connection,
        [...this.#tables.values()],
        this.#snapshot(opened),
        timeMs,
      );
    });
  }

  span(channel: string): Promise<StoredSpan> {
    return this.#read(async (opened) => {
      const table = this.#tableOf(channel);
      const entry = opened.catalog.get(channel);
      const size = await sizeOf(opened.connection, table, this.#snapshot(opened));
      const fromSeq = entry?.fromSeq ?? 0;
      return {
        fromSeq,
        fromTimeMs: fromSeq === 0 ? size.firstTimeMs : (entry?.fromTimeMs ?? 0),
        rows: size.rows,
        bytes: size.bytes,
      };
    });
  }

  trim(channel: ChannelDeclaration, nowMs: number): Promise<void> {
    return this.#change(async (opened) => {
      const { catalog, connection } = opened;
      const table = this.#tableOf(channel.name);
      const entry = catalog.get(channel.name);
      const snapshot = this.#snapshot(opened);
      const history = channel.history ?? CHANNEL_HISTORY;
      const cutoff = await cutoffOf(connection, table, snapshot, history, nowMs);
      if (cutoff === undefined || entry === undefined || cutoff.seq < entry.fromSeq) return;
      if (this.#trimmed.get(channel.name) === cutoff.seq) return;
      // Before the deletion, which no reader may meet.
      if (cutoff.seq > entry.fromSeq) {
        await catalog.put({ ...entry, fromSeq: cutoff.seq, fromTimeMs: cutoff.timeMs });
      }
      await deleteBelow(connection, table, snapshot, cutoff.seq, channel.bounds);
      this.#trimmed.set(channel.name, cutoff.seq);
    });
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    this.#opened = undefined;
    const { connection, state } = opened;
    // A server that does not answer must not keep the process from stopping.
    const cancel = this.#clock.after(NETWORK_MS_MAX, () => connection.abort());
    await Promise.allSettled([...this.#running, this.#changing]);
    await state.release();
    cancel();
    await connection.close();
  }

  async #create({ catalog, connection }: Opened, stored: StoredChannel): Promise<void> {
    const taken = new Set(await this.#tableNames(connection));
    const table = channelTable(stored.channel, tableName(stored.channel.name, taken));
    await connection.run(createTableSql(this.#database, table));
    await catalog.put({ stored, table: table.name, fromSeq: 0, fromTimeMs: 0 });
    this.#tables.set(stored.channel.name, table);
  }

  async #redeclare(opened: Opened, known: CatalogEntry, stored: StoredChannel): Promise<void> {
    const { catalog, connection } = opened;
    const { name, key } = stored.channel;
    const table = channelTable(stored.channel, known.table);
    const stands = this.#tableOf(name);
    if (JSON.stringify(key) !== JSON.stringify(known.stored.channel.key)) {
      const { rows } = await sizeOf(connection, stands, this.#snapshot(opened));
      if (rows > 0) {
        throw new TidemarkError(
          "BAD_OPTION",
          `Channel "${name}" can't be stored: its key is ${key.join(", ")}, and the stored rows have ${known.stored.channel.key.join(", ")}. Give the channel another name, or drop the table ${known.table} and its row in tidemark_channels.`,
        );
      }
    }
    if (layoutOf(table) !== layoutOf(stands)) {
      await rebuildTable(connection, this.#database, table, () => this.#pause());
    }
    this.#tables.set(name, table);
    if (JSON.stringify(stored) !== JSON.stringify(known.stored)) {
      await catalog.put({ ...known, stored });
    }
  }

  async #tableNames(connection: ClickHouseConnection): Promise<readonly string[]> {
    const rows = await connection.rows<[string]>(
      "SELECT name FROM system.tables WHERE database = {database:String}",
      { database: this.#database },
    );
    return rows.map(([name]) => name);
  }

  /** The tables of channels, except those that someone has dropped. */
  async #existing(connection: ClickHouseConnection): Promise<readonly string[]> {
    const names = new Set(await this.#tableNames(connection));
    return [...this.#tables.values()]
      .filter(({ name }) => names.has(name))
      .map(({ name }) => tableSql(this.#database, name));
  }

  #snapshot({ state }: Pick<Opened, "state">): Snapshot {
    return { database: this.#database, epochs: state.ownEpochs, seq: state.state.seq };
  }

  #tableOf(channel: string): ChannelTable {
    const table = this.#tables.get(channel);
    if (table !== undefined) return table;
    throw new TidemarkError("NO_HISTORY", `The store has no history of channel "${channel}".`);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.soon(resolve);
    });
  }

  query(sql: string): StoreQuery {
    return (parameters = {}, signal) =>
      this.#read(({ connection }) => connection.objects(sql, parameters, signal));
  }

  #read<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    const done = (async () => work(this.#need()))();
    const running = done.catch(() => {}).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return done;
  }

  #change<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    const done = this.#changing.then(() => work(this.#need()));
    this.#changing = done.catch(() => {});
    return done;
  }

  #need(): Opened {
    if (this.#opened !== undefined) return this.#opened;
    throw new TidemarkError("HISTORY_UNAVAILABLE", "The ClickHouse store is not open.");
  }
}

/** Returns the seq from which on everything is kept. */
function refuseTrimmed(entry: CatalogEntry | undefined, seq: number): number {
  if (entry === undefined || seq >= entry.fromSeq) return entry?.fromSeq ?? 0;
  throw new TidemarkError(
    "HISTORY_TRIMMED",
    `The history of channel "${entry.stored.channel.name}" begins at seq ${entry.fromSeq}.`,
  );
}

function parsedAddress(url: string): URL {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (address?.protocol === "http:" || address?.protocol === "https:") return address;
  throw new TidemarkError(
    "BAD_OPTION",
    "The address of ClickHouse must be that of its HTTP interface, such as http://localhost:8123.",
  );
}
