/**
 * The contract of a history store: it keeps the change log of channels, each version of a row with
 * the seq of its commit, and answers queries as of any seq. Rows reach it in batches, in the order
 * of the log. Every implementation passes `conformance.ts`.
 */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { WireOrderBy, WireWhere } from "../protocol/query.ts";
import type { JsonValue, Row } from "../protocol/row.ts";

/** One step of a channel's change log. */
export interface HistoryEntry {
  readonly channel: string;
  /** `reload`: the rows of earlier seqs ended here; the rows of its commit follow as upserts. */
  readonly kind: "upsert" | "remove" | "reload";
  /** Empty for `reload`. */
  readonly key: string;
  readonly seq: number;
  /** The commit's time, Unix milliseconds. */
  readonly timeMs: number;
  /** Present for `upsert`. */
  readonly row?: Row;
  /** The row as `JSON.stringify` writes it; present for `upsert`. */
  readonly json?: string;
}

/** Everything that the log holds for channels with history after `after`, up to `seq`. */
export interface HistoryBatch {
  /** The store's durable seq before this batch. */
  readonly after: number;
  readonly seq: number;
  /** The time of the commit at `seq`. */
  readonly timeMs: number;
  /** In the order of the log. A key occurs at most once per seq. */
  readonly entries: readonly HistoryEntry[];
  /** By source: the source position as of `seq`, where the batch changes it. */
  readonly sourcePositions: readonly (readonly [source: string, position: string])[];
  /** Ids of the ingest requests in this batch, each with its seq. */
  readonly requestIds: readonly string[];
}

/** A channel as it was declared last. */
export interface StoredChannel {
  readonly channel: ChannelDeclaration;
  /** The source that declared it; undefined for the program's own. */
  readonly source: string | undefined;
}

/** What a log continues from. */
export interface StoredState {
  /** The store holds everything up to this seq, and nothing after it. 0 for an empty store. */
  readonly seq: number;
  readonly timeMs: number;
  readonly sourcePositions: readonly (readonly [source: string, position: string])[];
  /** Ids of the newest ingest requests with their seqs, oldest first; at most `requestIdsMax`. */
  readonly requestIds: readonly string[];
  /** Every channel that was declared. Bounds may be Infinity, which JSON does not have. */
  readonly channels: readonly StoredChannel[];
}

export interface StoredRow {
  readonly key: string;
  readonly json: string;
  /** The commit that wrote this version, and its time. */
  readonly seq: number;
  readonly timeMs: number;
}

/** A place in the order of a query: the page continues behind this row. */
export interface PagePlace {
  readonly key: string;
  /** Has the columns of `orderBy`. */
  readonly row: Row;
}

export interface PageQuery {
  readonly channel: ChannelDeclaration;
  /** Query and policy together, checked by `parseQuery`. */
  readonly where: WireWhere | undefined;
  /** Ties are in the order of the keys' code points. Empty: by key. */
  readonly orderBy: readonly Required<WireOrderBy>[];
  readonly limit: number;
  readonly after?: PagePlace;
  /** The rows as of this seq: the newest version of each key, without those that were removed. */
  readonly asOf: number;
  /** Only rows whose version as of `asOf` has a seq below this. */
  readonly beforeSeq?: number;
}

export interface StoredPage {
  readonly rows: readonly StoredRow[];
  /** No row follows the last one. */
  readonly isLast: boolean;
  /**
   * The store has every row of the query whose version has this seq or a later one; of older ones
   * retention may have forgotten some. 0: none.
   */
  readonly fromSeq: number;
}

export interface NewestBounds {
  readonly rowsMax: number;
  readonly bytesMax: number;
  readonly sinceMs: number;
  /** The rows as of this seq. Default: the stored seq. */
  readonly asOf?: number;
}

/** All rows of a channel. */
export interface ScanQuery {
  readonly channel: ChannelDeclaration;
  /** The rows as of this seq, as in pages. */
  readonly asOf: number;
}

/** A span of a channel's change log, for replay. */
export interface ChangesQuery {
  readonly channels: readonly string[];
  /** Entries with `after < seq <= through`, … */
  readonly after: number;
  readonly through: number;
  /** …at most about so many: an answer ends between two seqs, never within one. */
  readonly entriesMax: number;
}

export interface StoredChanges {
  /** In the order of the log. */
  readonly entries: readonly HistoryEntry[];
  /** The seq up to which the entries are complete; `through` when nothing is left. */
  readonly seq: number;
}

/** The span that a channel's history covers. */
export interface StoredSpan {
  /** Queries as of a lower seq are refused with `HISTORY_TRIMMED`. */
  readonly fromSeq: number;
  readonly fromTimeMs: number;
  readonly rows: number;
  readonly bytes: number;
}

export interface HistoryStore {
  /** The name of the kind of store, such as `duckdb`, for operators. */
  readonly name: string;
  /**
   * Where rows that wait for the store are written when they do not fit into memory. Undefined:
   * nowhere, and producers are refused then.
   */
  readonly spillFile: string | undefined;
  /**
   * Opens the store, creates what is missing, and removes what a crash has left of a batch that was
   * not written whole.
   * @throws TidemarkError `HISTORY_UNAVAILABLE`; `HISTORY_IN_USE` when another process writes it
   */
  open(): Promise<StoredState>;
  /**
   * Prepares a channel; called before its first entry, and again when its declaration changes. New
   * columns are filled from the stored rows. @throws TidemarkError `BAD_OPTION` when the stored
   * rows have another key
   */
  declare(declared: StoredChannel): Promise<void>;
  /**
   * Stores a batch whole or not at all. A batch up to a seq that the store has already is accepted
   * without effect, so a caller that does not know the outcome writes it again. It ends within a
   * bound of the store's own: nothing else is written meanwhile.
   */
  write(batch: HistoryBatch): Promise<void>;
  /** @throws TidemarkError `HISTORY_TRIMMED`, `QUERY_TOO_COSTLY`, `HISTORY_UNAVAILABLE` */
  page(query: PageQuery, signal?: AbortSignal): Promise<StoredPage>;
  /**
   * A live table's window: the rows that changed last or, where the channel's bounds evict by
   * arrival, those that arrived last, newest first. A row arrived with its first version since its
   * key was removed or a reload. @throws TidemarkError `HISTORY_TRIMMED` for a seq that is not kept
   */
  newest(channel: ChannelDeclaration, bounds: NewestBounds): Promise<readonly StoredRow[]>;
  /**
   * Each row of a channel once, in any order and in batches of a bounded number of rows. Takes time
   * in proportion to the rows, and memory for one batch. @throws TidemarkError `HISTORY_TRIMMED`,
   * also in the middle; `QUERY_TOO_COSTLY`, `HISTORY_UNAVAILABLE`
   */
  scan(query: ScanQuery, signal?: AbortSignal): AsyncIterable<readonly StoredRow[]>;
  /** @throws TidemarkError `HISTORY_TRIMMED` */
  changes(query: ChangesQuery, signal?: AbortSignal): Promise<StoredChanges>;
  /** The newest seq whose commit time is at or before a time; 0 when all are later. */
  seqAt(timeMs: number): Promise<number>;
  span(channel: string): Promise<StoredSpan>;
  /**
   * Applies the `keep…` limits of the channel's declaration. They give a cutoff seq: forgotten are
   * versions below it that another version or a removal at or below it replaced, and rows that
   * last changed below it, except the `bounds.rowsMax` newest rows, which are the live table. Where
   * that evicts by arrival, rows that stay keep their first versions, too. Queries as of a seq
   * below the cutoff are refused from then on; a page that is asked for next by a reader in the
   * middle of an older one too.
   */
  trim(channel: ChannelDeclaration, nowMs: number): Promise<void>;
  /** Resolves when running calls have ended. Safe to call twice. */
  close(): Promise<void>;
}

/** By name: the values of a query's parameters. */
export type StoreQueryParameters = Readonly<Record<string, JsonValue>>;

/** Runs a query with other values, for `polled({ run })` or a call of your own. */
export type StoreQuery = (
  parameters?: StoreQueryParameters,
  signal?: AbortSignal,
) => Promise<readonly object[]>;

/** A store that also answers SQL of the program's own. */
export interface QueriedHistoryStore extends HistoryStore {
  /**
   * One SELECT in the store's dialect, while the server runs: in DuckDB `$symbol` is the value of
   * the parameter `symbol`, in ClickHouse `{symbol:String}`. Rows are objects as JSON has them:
   * numbers that JavaScript can't hold exactly are texts, times ISO 8601. A call throws
   * TidemarkError `HISTORY_UNAVAILABLE`; `BAD_OPTION` for another statement (DuckDB),
   * `QUERY_TOO_COSTLY` over the store's limits (ClickHouse).
   */
  query(sql: string): StoreQuery;
}
