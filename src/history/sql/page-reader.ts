/**
 * One page of history: candidates come from the store in the order of the query, and the `where` of
 * live views decides on each. A query that examines too many rows for one page is refused. Rows are
 * parsed in slices, so that the event loop stays free.
 */
import { turn, type Clock } from "../../std/clock.ts";
import { compileOrder, type Ranked } from "../../protocol/order.ts";
import type { Row } from "../../protocol/row.ts";
import { compileWhere } from "../../protocol/where.ts";
import { whereContextOf } from "../../table/channel.ts";
import { EvaluationBudget, tooCostly } from "../../table/evaluation-budget.ts";
import { VIEW_LIMITS } from "../../table/limits.ts";
import type { PagePlace, PageQuery, StoredPage, StoredRow } from "../history.ts";

export interface Candidate extends StoredRow {
  /** False for a version that a newer one or a removal replaced, as of the query's seq. */
  readonly isAlive: boolean;
}

/** The versions that may be in a page. */
export interface CandidateSource {
  /** In the query's order, behind a place; fewer than `limit` when none follow. */
  next(after: PagePlace | undefined, limit: number): Promise<readonly Candidate[]>;
  /** All, in any order, at most `limit`. */
  unordered(limit: number): Promise<readonly Candidate[]>;
}

export interface PageLimits {
  /** Rows that may be examined for one page. More: `QUERY_TOO_COSTLY`. */
  readonly rowsExaminedMax: number;
  /** Rows that may be sorted in memory, by a column that is not declared. More: refused. */
  readonly rowsSortedMax: number;
}

export const PAGE_LIMITS: PageLimits = { rowsExaminedMax: 200_000, rowsSortedMax: 50_000 };

const SLICE_MS = 5;
const ROWS_BETWEEN_CHECKS = 32;
/** Candidates of the first request and of the largest. */
const [FETCH_MIN, FETCH_MAX] = [64, 4_096];

/** A page without what the store knows of its retention. */
export type ReadPage = Omit<StoredPage, "fromSeq">;

export interface PageReading {
  readonly query: PageQuery;
  readonly source: CandidateSource;
  readonly clock: Clock;
  readonly limits: PageLimits;
  readonly signal?: AbortSignal | undefined;
}

/** @throws TidemarkError `QUERY_TOO_COSTLY`, `BAD_QUERY`, `BAD_REGEX` */
export async function readPage(reading: PageReading): Promise<ReadPage> {
  const { query, source, limits } = reading;
  const rowFilter = new RowFilter(reading);
  const found: StoredRow[] = [];
  let after = query.after;
  let limit = Math.min(Math.max(query.limit + 1, FETCH_MIN), FETCH_MAX);
  for (let examined = 0; ;) {
    const candidates = await source.next(after, limit);
    for (const match of await rowFilter.matching(candidates)) found.push(match.stored);
    if (found.length > query.limit) return { rows: found.slice(0, query.limit), isLast: false };
    const last = candidates.at(-1);
    if (last === undefined || candidates.length < limit) return { rows: found, isLast: true };
    examined += candidates.length;
    if (examined >= limits.rowsExaminedMax) {
      throw tooCostly(
        `one page of history may examine ${limits.rowsExaminedMax} rows, and too few of them match. Test declared columns, with other operators than regex, or ask for a smaller page`,
      );
    }
    after = { key: last.key, row: JSON.parse(last.json) as Row };
    limit = Math.min(limit * 4, FETCH_MAX);
  }
}

/** A page in an order that the store does not have: its matching rows are sorted in memory. */
export async function readUnorderedPage(reading: PageReading): Promise<ReadPage> {
  const { query, source, limits } = reading;
  const candidates = await source.unordered(limits.rowsSortedMax + 1);
  if (candidates.length > limits.rowsSortedMax) {
    const names = query.orderBy.map(({ column }) => `"${column}"`).join(", ");
    throw tooCostly(
      `more than ${limits.rowsSortedMax} rows would be sorted by columns whose types are not declared. Declare the types of ${names}, or add a where`,
    );
  }
  const compare = compileOrder(query.orderBy, whereContextOf(query.channel));
  const { after } = query;
  const matches = (await new RowFilter(reading).matching(candidates))
    .filter((match) => after === undefined || compare(match, after) > 0)
    .sort(compare);
  const rows = matches.slice(0, query.limit).map(({ stored }) => stored);
  return { rows, isLast: rows.length === matches.length };
}

interface Match extends Ranked {
  readonly stored: StoredRow;
}

class RowFilter {
  readonly #reading: PageReading;
  readonly #budget = new EvaluationBudget(VIEW_LIMITS);
  readonly #isMatch: (row: Row) => boolean;

  constructor(reading: PageReading) {
    this.#reading = reading;
    const { where, channel } = reading.query;
    const context = { ...whereContextOf(channel), meter: this.#budget };
    this.#isMatch = where === undefined ? () => true : compileWhere(where, context);
  }

  async matching(candidates: readonly Candidate[]): Promise<readonly Match[]> {
    const { clock, signal } = this.#reading;
    const matches: Match[] = [];
    let sliceMs = clock.monotonic();
    for (const [index, { isAlive, ...stored }] of candidates.entries()) {
      if (index % ROWS_BETWEEN_CHECKS === 0 && clock.monotonic() - sliceMs > SLICE_MS) {
        await turn(clock);
        signal?.throwIfAborted();
        sliceMs = clock.monotonic();
      }
      if (!isAlive) continue;
      const row = JSON.parse(stored.json) as Row;
      this.#budget.look();
      if (this.#isMatch(row)) matches.push({ key: stored.key, row, stored });
    }
    return matches;
  }
}
