/** `/` goes to a filter: from the rows to that of the cursor's column, then to the next ones. */
import { useCallback, useEffect, useLayoutEffect, useRef, type RefObject } from "react";

/** Returns the function that scrolls to a column and focuses its filter. */
export function useFilterFocus(
  scroller: RefObject<HTMLElement | null>,
  names: readonly string[],
  scrollToColumn: (index: number) => void,
  activeColumn: number,
): (index: number) => void {
  /** A filter whose column is not rendered yet. */
  const wanted = useRef<string>(undefined);
  const focusWanted = useCallback(() => {
    const name = wanted.current;
    if (name === undefined) return;
    const input = scroller.current?.querySelector<HTMLInputElement>(
      `[data-filter="${CSS.escape(name)}"]`,
    );
    if (input === null || input === undefined) return;
    wanted.current = undefined;
    input.focus({ preventScroll: true });
    input.select();
    input.dataset["reached"] = "by-slash";
  }, [scroller]);
  useLayoutEffect(focusWanted);

  const focusFilter = useCallback(
    (index: number) => {
      wanted.current = names[index];
      scrollToColumn(index);
      focusWanted();
    },
    [names, scrollToColumn, focusWanted],
  );
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || isField(event.target)) return;
      focusFilter(document.activeElement === scroller.current ? activeColumn : 0);
      event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [scroller, focusFilter, activeColumn]);
  return focusFilter;
}

function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLSelectElement ||
    target instanceof HTMLTextAreaElement
  );
}
