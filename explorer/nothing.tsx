/** What the grid says in place of rows: why there are none, and what to do next. */
import type { ReactElement } from "react";
import type { LiveQueryResult } from "../src/react/index.ts";
import { State } from "../examples/ui/state.tsx";
import { NotLoaded } from "./outage.tsx";

export function Nothing({
  view,
  hasNoPast,
  isFiltered,
  isRewound,
  onClear,
  onToBeginning,
}: {
  readonly view: LiveQueryResult;
  /** The page is rewound, and the table keeps no history. */
  readonly hasNoPast: boolean;
  readonly isFiltered: boolean;
  readonly isRewound: boolean;
  readonly onClear: () => void;
  /** Rewinds to the oldest moment that is kept; undefined where that is not known. */
  readonly onToBeginning: (() => void) | undefined;
}): ReactElement {
  const clear = isFiltered ? (
    <button type="button" onClick={onClear}>
      Clear filters
    </button>
  ) : undefined;
  if (hasNoPast) return <State title="No past to show">This table keeps no history.</State>;
  if (view.status === "loading" || view.status === "idle") return <NotLoaded />;
  if (view.error?.code === "HISTORY_TRIMMED") {
    const toBeginning = onToBeginning && (
      <button type="button" onClick={onToBeginning}>
        Go to the beginning
      </button>
    );
    return (
      <State title="The history does not go back that far" action={toBeginning}>
        Older versions of the rows are no longer kept.
      </State>
    );
  }
  if (view.status === "refused") {
    return (
      <State title="The server refused this query" action={clear}>
        {view.error?.message}
      </State>
    );
  }
  if (isFiltered) {
    return (
      <State title="No matching rows" action={clear}>
        {isRewound ? "None of the rows of then match." : "Rows appear here as soon as they match."}
      </State>
    );
  }
  return isRewound ? (
    <State title="No rows then">The table had no rows at this time.</State>
  ) : (
    <State title="No rows yet">Rows appear here as soon as the table has some.</State>
  );
}
