/** Moves the selection through the worklist, and remembers what was selected by its name. */
import { useCallback, useEffect, useRef, useState } from "react";
import type { Result } from "./client.ts";

/**
 * Selects the next or previous row. When the selected row has left the list, the row that has taken
 * its place is the next one.
 */
export function useStep(
  keys: readonly string[],
  selected: string | undefined,
  select: (key: string) => void,
): (by: number) => void {
  const index = selected === undefined ? -1 : keys.indexOf(selected);
  const lastIndex = useRef(0);
  if (index >= 0) lastIndex.current = index;
  return useCallback(
    (by) => {
      const target = index >= 0 ? index + by : lastIndex.current + Math.min(0, by);
      const next = keys[Math.max(0, Math.min(keys.length - 1, target))];
      if (next !== undefined) select(next);
    },
    [keys, index, select],
  );
}

const NAMES_MAX = 1_000;

/** The document and field of results that were selected, also after they have left the list. */
export function useNames(result: Result | undefined): (key: string) => string {
  const [names] = useState(() => new Map<string, string>());
  useEffect(() => {
    if (result === undefined) return;
    names.delete(result.id);
    names.set(result.id, `${result.document} ${result.field}`);
    const [oldest] = names.keys();
    if (oldest !== undefined && names.size > NAMES_MAX) names.delete(oldest);
  }, [names, result]);
  return useCallback((key) => names.get(key) ?? "", [names]);
}
