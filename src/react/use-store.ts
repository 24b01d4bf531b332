/**
 * One `useSyncExternalStore` over a view: renders only when the value selected from its snapshot
 * has changed.
 */
import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import type { LiveView } from "../client/page/page-views.ts";
import type { Row } from "../protocol/row.ts";
import { IDLE, NOT_LOADED, type AnySnapshot } from "../client/page/query-result.ts";

/** Makes a value from a snapshot. Pass a stable function: it is compared by identity. */
export interface Reader<T> {
  readonly read: (snapshot: AnySnapshot) => T;
  /** Whether two values are the same; then the former one is returned. */
  readonly isSame: (left: T, right: T) => boolean;
}

/** What a component reads of a view. */
export type ReadView = Pick<LiveView<Row>, "subscribe" | "getSnapshot">;

/** Decides when a component hears that its rows have changed; compared by identity. */
export type Pace = (view: ReadView) => ReadView;

const NEVER = (): (() => void) => () => {};

/** `view` is undefined without a query. */
export function useView<B, T>(
  view: ReadView | undefined,
  base: Reader<B>,
  select: (value: B) => T,
  isEqual: (left: T, right: T) => boolean,
): T {
  const shown = useRef<{ readonly value: T } | undefined>(undefined);
  const read = useMemo(() => {
    let last: { readonly snapshot: AnySnapshot; readonly from: B; readonly value: T } | undefined;
    return (snapshot: AnySnapshot): T => {
      if (last?.snapshot === snapshot) return last.value;
      const made = base.read(snapshot);
      if (last !== undefined && base.isSame(last.from, made)) {
        last = { ...last, snapshot };
        return last.value;
      }
      const next = select(made);
      const before = last ?? shown.current;
      const value = before !== undefined && isEqual(before.value, next) ? before.value : next;
      last = { snapshot, from: made, value };
      return value;
    };
  }, [base, select, isEqual]);
  const value = useSyncExternalStore(
    view?.subscribe ?? NEVER,
    () => read(view?.getSnapshot() ?? IDLE),
    () => read(view === undefined ? IDLE : NOT_LOADED),
  );
  useEffect(() => {
    shown.current = { value };
  }, [value]);
  return value;
}
