/** The query of the worklist. */
import type { Query, Where } from "tidemark/client";
import type { Result } from "./client.ts";
import { statusOf, type PageState } from "./page-state.ts";

export function queryOf({
  project,
  filter,
  find,
}: Pick<PageState, "project" | "filter" | "find">): Query<Result> & {
  readonly channel: "extraction_results";
} {
  const status = statusOf(filter);
  const terms: Where<Result>[] = [];
  if (project !== undefined) terms.push({ column: "project_id", eq: project });
  if (status !== undefined) terms.push({ column: "status", eq: status });
  if (find.trim() !== "")
    terms.push({ column: "value", like: `%${find.trim().replace(/[\\%_]/g, "\\$&")}%` });
  return {
    channel: "extraction_results",
    where: { and: terms },
    orderBy: [
      ...(isReviewed(filter)
        ? ([{ column: "reviewed_at", direction: "desc", nulls: "last" }] as const)
        : []),
      { column: "confidence" },
      { column: "id" },
    ],
  };
}

/** Whether all results of the list have been reviewed. They come newest first. */
export function isReviewed(filter: PageState["filter"]): boolean {
  return filter === "accepted" || filter === "rejected";
}
