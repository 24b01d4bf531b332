/**
 * The lists of one run, from its seed: each has a condition with the next operator, alone, beside
 * other conditions, or negated, and any order, columns and size of a page.
 */
import fc from "fast-check";
import { COLUMNS, conditionWith, orderBy, where } from "../../../src/history/conformance-values.ts";
import { OPERATORS, type Operator, type WireQuery } from "../../../src/protocol/query.ts";

export const CHANNEL = "rows";

export interface List {
  readonly operator: Operator;
  readonly query: WireQuery & { readonly limit: number };
}

/** `limits`: the smallest and largest page. */
export function listsOf(
  seed: number,
  count: number,
  [min, max]: readonly [number, number],
): readonly List[] {
  return Array.from({ length: count }, (_, index) => {
    const operator = OPERATORS[(seed + index) % OPERATORS.length] as Operator;
    const condition = conditionWith(operator);
    const list = fc.record({
      channel: fc.constant(CHANNEL),
      where: fc.oneof(
        condition,
        condition.map((not) => ({ not })),
        fc.tuple(condition, where).map((and) => ({ and })),
        fc.tuple(condition, where).map((or) => ({ or })),
      ),
      order_by: orderBy,
      limit: fc.integer({ min, max }),
    });
    const columns = fc.subarray(
      COLUMNS.map(({ name }) => name),
      { minLength: 1 },
    );
    const [[query, names] = []] = fc.sample(fc.tuple(list, fc.option(columns, { freq: 2 })), {
      seed: seed * 10_007 + index,
      numRuns: 1,
    });
    if (query === undefined) throw new Error("no query was generated");
    return { operator, query: { ...query, ...(names && { columns: names }) } };
  });
}
