/** The line below the last loaded row of a view with history: whether older rows follow. */
import type { ReactElement } from "react";
import type { ViewHistory } from "tidemark/client";
import { formatCount } from "./format.ts";

export function HistoryFoot({
  history: { hasMore, isLoading, isFull, error, loadMore },
  rowCount,
}: {
  readonly history: ViewHistory;
  readonly rowCount: number;
}): ReactElement {
  return (
    <div className="history-foot dim" role="status">
      {isLoading ? (
        error === undefined ? (
          "Loading older rows…"
        ) : (
          `${error.message} Trying again.`
        )
      ) : error !== undefined ? (
        <>
          {error.message}
          <button type="button" onClick={loadMore}>
            Try again
          </button>
        </>
      ) : isFull && hasMore ? (
        `${formatCount(rowCount)} rows are shown; narrow the filter to see older ones.`
      ) : hasMore ? (
        // The next page is asked for before this line is in sight.
        "Older rows follow."
      ) : (
        "All rows are loaded."
      )}
    </div>
  );
}
