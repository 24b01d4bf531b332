/**
 * A bound for the first column of a page's order, which spares ClickHouse most of the table. Of any
 * rows that fulfil a page's conditions, the last of the first `limit` in order is a bound: no row
 * behind it is in the page. The rows are those whose seqs are next to the page's place, because
 * most columns by which people scroll grow with the seq; the bound then lets few blocks through.
 */
import type { PagePlace, PageQuery } from "../history.ts";
import { textKey } from "../sql/order-key.ts";
import type { OrderContext } from "../sql/order.ts";

/** Rows from which the bound is taken: four blocks. */
const SAMPLE_ROWS = 32_768;

export interface OrderBoundOptions {
  readonly name: string;
  /** What all rows of the page fulfil, as SQL. */
  readonly conditions: string;
  readonly orderBy: PageQuery["orderBy"];
  readonly after: PagePlace | undefined;
  readonly asOf: number;
  readonly limit: number;
  readonly context: OrderContext;
}

/** SQL that is true for all rows of the page, and false for most others. */
export function orderBoundSql(options: OrderBoundOptions): string {
  const { after, asOf, conditions, context, limit, name, orderBy } = options;
  const [first] = orderBy;
  const column = first && context.columns(first.column);
  const term = column?.terms[0]?.sql;
  if (first === undefined || column === undefined || term === undefined) return "TRUE";
  const isDown = first.direction === "desc";
  const place =
    after === undefined
      ? isDown
        ? String(asOf)
        : "0"
      : `(SELECT max(_seq) FROM ${name} WHERE _seq <= ${asOf}
          AND _key_hash = cityHash64(${context.parameters.add(textKey(after.key), "String")}))`;
  const bound = `(SELECT if(count() < ${limit}, NULL, ${isDown ? "min" : "max"}(_term)) FROM (
    SELECT ${term} AS _term FROM (
      SELECT * FROM ${name} WHERE _seq ${isDown ? "<=" : ">="} ${place}
      ORDER BY _seq ${first.direction} LIMIT ${SAMPLE_ROWS})
    WHERE ${conditions} AND NOT ${column.isNull}
    ORDER BY _term ${first.direction} LIMIT ${limit}))`;
  const isWithin = `(${term} ${isDown ? ">=" : "<="} ${bound} OR isNull(${bound}))`;
  return first.nulls === "first" ? `(${isWithin} OR ${column.isNull})` : isWithin;
}
