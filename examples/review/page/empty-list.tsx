/** What the worklist says when it has no rows, and the way to all of them. */
import type { ReactElement } from "react";
import { State } from "../../ui/state.tsx";
import type { Filter } from "./page-state.ts";

export function EmptyList({
  filter,
  find,
  onAll,
}: {
  readonly filter: Filter;
  readonly find: string;
  readonly onAll: () => void;
}): ReactElement {
  const action = (
    <button type="button" onClick={onAll}>
      Show all results
    </button>
  );
  if (find !== "")
    return (
      <State title="No results found" action={action}>
        No value in this list contains “{find}”.
      </State>
    );
  if (filter === "pending")
    return (
      <State title="No results to review" action={action}>
        New results appear here while an extraction runs.
      </State>
    );
  return (
    <State title={`No ${filter === "all" ? "" : `${filter} `}results`} action={action}>
      {filter === "all"
        ? "Results appear here while an extraction runs."
        : `Results that are ${filter} appear here.`}
    </State>
  );
}
