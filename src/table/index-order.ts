/**
 * The order of an ordered index: that of a query's `order_by`, or of the newest change. It is an
 * order of places, which are entries of rows, and bounds before and after rows.
 */
import { compareTexts } from "../protocol/column.ts";
import { compileOrder, compileOrderTerm, withDefaults } from "../protocol/order.ts";
import type { WireOrderBy } from "../protocol/query.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import type { WhereContext } from "../protocol/where.ts";
import type { Interval } from "./interval.ts";

/**
 * 0 for a row. A bound stands before (-1) or after (1) all rows that have its value in the first
 * column, or before (-2) or after (2) all rows.
 */
type Side = -2 | -1 | 0 | 1 | 2;

/** A row as of one change (a `RowNode` of its channel), or a bound. It never changes. */
export interface Place {
  readonly key: string;
  readonly row: Row;
  /** The commit that last changed the row in its channel. */
  readonly seq: number;
  /** The row's own text, and its bytes in UTF-8. */
  readonly json: string;
  readonly bytes: number;
  readonly side: Side;
}

export const BEFORE_ALL = boundOf({}, -2);
export const AFTER_ALL = boundOf({}, 2);

/** A total order: no two rows are equal. */
type PlaceOrder = (left: Place, right: Place) => number;

/**
 * The newest change first, ties by key: the order of a query without `order_by`. It is a function
 * of the log alone, so every replica keeps the same rows, also one that began with a checkpoint.
 */
const newestFirst: PlaceOrder = (left, right) =>
  right.seq - left.seq || compareTexts(left.key, right.key);

export class IndexOrder {
  /** Equal for equal orders. */
  readonly id: string;
  /** The first column, with its direction and the place of its nulls. */
  readonly first: Required<WireOrderBy> | undefined;
  readonly compare: PlaceOrder;

  /** @throws TidemarkError `BAD_QUERY` for unknown columns and columns that hold JSON */
  constructor(
    orderBy: readonly WireOrderBy[],
    context: Pick<WhereContext, "typeOf" | "columnNames">,
  ) {
    const terms = orderBy.map(withDefaults);
    const ranked = compileOrder(terms, context);
    const ofRows = terms.length === 0 ? newestFirst : ranked;
    this.id = JSON.stringify(
      terms.map(({ column, direction, nulls }) => [column, direction, nulls]),
    );
    [this.first] = terms;
    const byFirst = this.first === undefined ? () => 0 : compileOrderTerm(this.first, context);
    this.compare = (left, right) => {
      if (left.side === 0 && right.side === 0) return ofRows(left, right);
      if (Math.abs(left.side) === 2 || Math.abs(right.side) === 2)
        return Math.trunc(left.side / 2) - Math.trunc(right.side / 2);
      return byFirst(left.row, right.row) || left.side - right.side;
    };
  }

  /** The bounds of the rows whose first column is in the interval, and not null. */
  span({ lower, upper }: Interval): { readonly start: Place; readonly end: Place } {
    const isDescending = this.first?.direction === "desc";
    const [first, last] = isDescending ? [upper, lower] : [lower, upper];
    const isNullFirst = this.first?.nulls === "first";
    return {
      start:
        first === undefined
          ? isNullFirst
            ? this.bound(null, "after")
            : BEFORE_ALL
          : this.bound(first.value, first.isOpen ? "after" : "before"),
      end:
        last === undefined
          ? isNullFirst
            ? AFTER_ALL
            : this.bound(null, "before")
          : this.bound(last.value, last.isOpen ? "before" : "after"),
    };
  }

  /** The bound before or after the rows that have the value in the first column. */
  bound(value: JsonValue, side: "before" | "after"): Place {
    const row = this.first === undefined ? {} : { [this.first.column]: value };
    return boundOf(row, side === "before" ? -1 : 1);
  }
}

function boundOf(row: Row, side: Side): Place {
  return { key: "", row, seq: 0, json: "", bytes: 0, side };
}
