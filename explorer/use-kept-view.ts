/**
 * The rows of the last moment, until those of the next one have come: a page that is rewound, or
 * whose slider moves, does not go blank between two moments.
 */
import { useRef } from "react";
import type { LiveQueryResult } from "../src/react/index.ts";

export interface ViewIdentity {
  /** What the rows are, whatever the moment: columns, filters, order. */
  readonly subject: string;
  /**
   * Where they come from: query and client. A view that begins anew by itself is not kept: its rows
   * may have been taken away.
   */
  readonly source: string;
}

export function useKeptView(
  view: LiveQueryResult,
  { subject, source }: ViewIdentity,
): LiveQueryResult {
  const kept = useRef<ViewIdentity & { readonly view: LiveQueryResult }>(undefined);
  const isComing = view.status === "loading" || view.status === "idle";
  if (!isComing) kept.current = { view, subject, source };
  const { current } = kept;
  const isKept = isComing && current?.subject === subject && current.source !== source;
  return isKept ? current.view : view;
}
