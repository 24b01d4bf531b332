/** What a widget shows in place of rows. */
import type { ReactElement } from "react";
import type { LiveQueryResult } from "tidemark/react";
import { State } from "./state.tsx";

export function NoRows({
  view: { status, reason },
  isFiltered,
}: {
  readonly view: Pick<LiveQueryResult, "status" | "reason">;
  readonly isFiltered: boolean;
}): ReactElement {
  switch (status) {
    case "loading":
      return <State title="Loading">{reason}</State>;
    case "refused":
      return <State title="The server refused this query">{reason}</State>;
    case "stale":
      return <State title="No rows">{reason}</State>;
    default:
      return isFiltered ? (
        <State title="No row matches the filters">Rows appear here as soon as one matches.</State>
      ) : (
        <State title="No rows yet" />
      );
  }
}
