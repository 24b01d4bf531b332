/** Compiles a query and a policy into what their view asks of a row. */
import type { WireQuery, WireWhere } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import { compileWhere, type Predicate, type WhereContext } from "../protocol/where.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { EvaluationBudget } from "./evaluation-budget.ts";
import { Membership } from "./membership.ts";
import { compileProjection } from "./projection.ts";

export interface CompileOptions {
  readonly query: WireQuery;
  readonly policy: WireWhere | undefined;
  readonly declaration: ChannelDeclaration;
  readonly context: WhereContext;
  readonly budget: EvaluationBudget;
}

/** @throws TidemarkError `BAD_QUERY`, `BAD_REGEX`, `QUERY_TOO_COSTLY` */
export function compileMembership({
  query,
  policy,
  declaration,
  context,
  budget,
}: CompileOptions): { readonly membership: Membership; readonly mayBeSeen: Predicate } {
  const all: Predicate = () => true;
  const mayBeSeen = policy === undefined ? all : compileWhere(policy, context);
  const isWanted =
    query.where === undefined ? all : compileWhere(query.where, { ...context, meter: budget });
  // The client's where is not evaluated for a row that the policy does not allow, or may not
  // allow: the time would reveal the row.
  const isMatch = (row: Row): boolean => {
    budget.look();
    return isWanted(row);
  };
  const wanted = budget.isMetered ? isMatch : isWanted;
  const matches: Predicate = policy === undefined ? wanted : (row) => mayBeSeen(row) && wanted(row);
  return { membership: new Membership(matches, compileProjection(declaration, query)), mayBeSeen };
}
