/** One page of a channel's history, over HTTP. */
import type { Column } from "../../protocol/column.ts";
import type { WireQuery } from "../../protocol/query.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { QueryAnswer } from "./fetch-query.ts";
import { bodyOf, type Answer } from "./page-requests.ts";

/** The rows of a query as of one commit of the past or present. */
export interface HistoryAnswer<R = Row> extends QueryAnswer<R> {
  /** The rows are complete up to this seq, which is also `seq`. */
  readonly completeThrough: number;
  /**
   * With `asOf` a time: the Unix milliseconds that the rows are as of. Earlier than `asOf` where
   * that is to come, or where the server has not applied everything until then.
   */
  readonly asOfMs: number | undefined;
  /**
   * The server has every row that last changed at this seq or later; of older rows its retention
   * may have forgotten some. 0: none. Where it is higher than on the page before, it has meanwhile.
   */
  readonly completeFrom: number;
  /** For each row its key, and the commit that wrote this version of it. */
  readonly keys: readonly string[];
  readonly seqs: readonly number[];
  readonly columns: readonly Column[];
  /** Pass it as `after` to get the next page; undefined after the last one. */
  readonly next: string | undefined;
  /** With `feed`: the id of the view that has the changes after `seq`. */
  readonly feed: string | undefined;
  readonly key: readonly string[];
}

export interface HistoryOptions {
  /** A seq, or a time. Default: the newest commit; with `after`, that of the page before. */
  readonly asOf?: number | Date | string;
  /** Only rows that last changed before this seq. */
  readonly beforeSeq?: number;
  /** `next` of the page before, or a row to continue behind: its key and `orderBy` columns. */
  readonly after?: string | { readonly key: string; readonly row: Row };
  /** Also open the view that has the changes after the page, for `useLiveQuery` with `history`. */
  readonly feed?: boolean;
  readonly signal?: AbortSignal;
}

interface WireHistory {
  readonly epoch: string;
  readonly complete_through: number;
  readonly as_of_unix_ms?: number;
  readonly complete_from: number;
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly seqs: readonly number[];
  readonly next: string | null;
  readonly feed?: string;
}

/** The body to POST. @throws TidemarkError `BAD_QUERY` for an `asOf` that is no moment */
export function askForHistory(
  query: WireQuery,
  { asOf, beforeSeq, after, feed }: HistoryOptions,
  auth: unknown,
): string {
  return JSON.stringify({
    query,
    ...(asOf !== undefined && { as_of: momentOf(asOf) }),
    ...(beforeSeq !== undefined && { before_seq: beforeSeq }),
    ...(after !== undefined && { after }),
    ...(feed !== undefined && { feed }),
    ...(auth !== undefined && { auth }),
  });
}

function momentOf(moment: number | Date | string): number | string {
  if (typeof moment === "number" && Number.isSafeInteger(moment) && moment >= 0) return moment;
  const time = typeof moment === "number" ? Number.NaN : new Date(moment).getTime();
  if (!Number.isNaN(time)) return new Date(time).toISOString();
  throw new TidemarkError(
    "BAD_QUERY",
    `Bad query: asOf is ${String(moment)}, and must be a seq, a Date, or a time in ISO 8601.`,
  );
}

/** @throws TidemarkError as the server says; `STOPPED` when no answer came */
export function historyIn(answer: Answer): HistoryAnswer {
  const { epoch, complete_through, as_of_unix_ms, complete_from, ...body } =
    bodyOf<WireHistory>(answer);
  const { key, columns, rows, seqs, next, feed } = body;
  return {
    rows,
    epoch,
    seq: complete_through,
    completeThrough: complete_through,
    asOfMs: as_of_unix_ms,
    completeFrom: complete_from,
    keys: rows.map((row) => keyOf(row, key) ?? ""),
    seqs,
    columns,
    next: next ?? undefined,
    feed,
    key,
  };
}

/** @throws TidemarkError `HISTORY_TRIMMED` when rows were forgotten since the first page */
function checkComplete({ completeFrom }: HistoryAnswer, ofFirstPage: number): void {
  if (completeFrom <= ofFirstPage) return;
  throw new TidemarkError(
    "HISTORY_TRIMMED",
    "Retention has forgotten some of the rows while they were read. Ask again, or for a later time.",
  );
}

/** A limit up to this is a page. */
const PAGE_ROWS = 200;

/** The pages of the query's rows, joined. @throws TidemarkError `HISTORY_TRIMMED` */
export async function allPages(
  { limit = Number.POSITIVE_INFINITY, ...query }: WireQuery,
  first: HistoryOptions,
  ask: (query: WireQuery, options: HistoryOptions) => Promise<HistoryAnswer>,
): Promise<QueryAnswer> {
  const { asOf: _asOf, ...rest } = first;
  const rows: Row[] = [];
  let options = first;
  let page: HistoryAnswer;
  let completeFrom: number | undefined;
  do {
    const left = limit - rows.length;
    // The last page only: the server knows how large its pages may be.
    page = await ask(left <= PAGE_ROWS ? { ...query, limit: left } : query, options);
    completeFrom ??= page.completeFrom;
    checkComplete(page, completeFrom);
    rows.push(...page.rows);
    // The next page is as of the first one's seq.
    options = { ...rest, ...(page.next !== undefined && { after: page.next }) };
  } while (page.next !== undefined && rows.length < limit);
  return { rows: rows.slice(0, limit), epoch: page.epoch, seq: page.seq };
}
