/**
 * The results of the list, virtualised, with a cell cursor for the keyboard. The selected row is
 * the row of the cursor.
 */
import {
  useCallback,
  useEffect,
  useRef,
  type KeyboardEvent,
  type ReactElement,
  type ReactNode,
  type RefObject,
} from "react";
import { ROW_HEIGHT, useVirtualRows } from "../../ui/use-virtual-rows.ts";
import type { Result } from "./client.ts";
import type { Present } from "./use-presence.ts";
import { asTsv, COLUMNS } from "./result-columns.ts";
import { WorkRow } from "./work-row.tsx";

const SKELETON_ROWS = 20;

export interface WorklistProps {
  readonly scroller: RefObject<HTMLDivElement | null>;
  /** Which list it is: another one starts at its top. */
  readonly listId: string;
  readonly keys: readonly string[];
  readonly row: (key: string) => Result | undefined;
  readonly isPending: (key: string) => boolean;
  readonly selected: string | undefined;
  readonly onSelect: (key: string) => void;
  /** The column of the cell cursor. */
  readonly column: number;
  readonly onColumn: (column: number) => void;
  readonly present: ReadonlyMap<string, readonly Present[]>;
  readonly isStale: boolean;
  readonly isLoading: boolean;
  readonly empty: ReactNode;
}

export function Worklist({
  scroller,
  listId,
  keys,
  row,
  isPending,
  selected,
  onSelect,
  column,
  onColumn,
  present,
  isStale,
  isLoading,
  empty,
}: WorklistProps): ReactElement {
  const { first, end, height, scrollToRow, pageRows } = useVirtualRows(scroller, keys, selected);
  const index = selected === undefined ? -1 : keys.indexOf(selected);
  useScrollToSelected({ scroller, listId, selected, index, scrollToRow });
  const shownColumn = useRef(column);
  useEffect(() => {
    if (shownColumn.current === column) return;
    shownColumn.current = column;
    showColumn(scroller.current, column);
    if (index >= 0) scrollToRow(index);
  }, [scroller, column, index, scrollToRow]);
  const press = useCallback(
    (key: string, place: number) => {
      if (place >= 0 && place < COLUMNS.length) onColumn(place);
      onSelect(key);
    },
    [onSelect, onColumn],
  );

  const onKeyDown = (event: KeyboardEvent): void => {
    const result = selected === undefined ? undefined : row(selected);
    if (event.key.toLowerCase() === "c" && (event.ctrlKey || event.metaKey)) {
      // A selected text is copied by the browser.
      if (result === undefined || getSelection()?.isCollapsed === false) return;
      void navigator.clipboard.writeText(
        event.shiftKey ? asTsv(result) : (COLUMNS[column]?.text(result) ?? ""),
      );
      event.preventDefault();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const sideways = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const target = indexAfter(event.key, index, pageRows(), keys.length);
    if (sideways !== 0) onColumn(Math.max(0, Math.min(COLUMNS.length - 1, column + sideways)));
    else if (target === undefined) return;
    else if (keys[target] !== undefined) onSelect(keys[target]);
    event.preventDefault();
  };

  return (
    <div
      className="grid worklist"
      ref={scroller}
      role="grid"
      aria-label="Worklist"
      aria-rowcount={keys.length + 1}
      aria-activedescendant={index >= first && index < end ? `row-${selected}` : undefined}
      tabIndex={0}
      data-stale={isStale}
      onKeyDown={onKeyDown}
    >
      <div className="grid-head" role="row" aria-rowindex={1}>
        {COLUMNS.map(({ name }) => (
          <div key={name} role="columnheader" className={`cell c-${name}`}>
            {name}
          </div>
        ))}
        <div role="columnheader" className="cell c-who" aria-label="Flag and viewers" />
      </div>
      <div
        className="grid-body"
        style={{ height: isLoading ? SKELETON_ROWS * ROW_HEIGHT : height }}
      >
        {isLoading && <Skeleton />}
        {keys.slice(first, end).map((key, offset) => {
          const result = row(key);
          return result === undefined ? null : (
            <WorkRow
              key={key}
              index={first + offset}
              result={result}
              isPending={isPending(key)}
              activeColumn={key === selected ? column : -1}
              who={present.get(key)}
              onPress={press}
            />
          );
        })}
      </div>
      {keys.length === 0 && !isLoading && empty}
    </div>
  );
}

/**
 * Scrolls when another row is selected, or as soon as it is in the list; not when rows move.
 * Another list starts at its top, or at the selected row.
 */
function useScrollToSelected({
  scroller,
  listId,
  selected,
  index,
  scrollToRow,
}: {
  readonly scroller: RefObject<HTMLDivElement | null>;
  readonly listId: string;
  readonly selected: string | undefined;
  readonly index: number;
  readonly scrollToRow: (index: number) => void;
}): void {
  const wasAt = useRef<{ listId: string; selected: string | undefined }>(undefined);
  useEffect(() => {
    if (wasAt.current !== undefined && wasAt.current.listId !== listId)
      scroller.current?.scrollTo({ top: 0 });
    const hasMoved = wasAt.current?.listId !== listId || wasAt.current.selected !== selected;
    if (hasMoved && index >= 0) scrollToRow(index);
    wasAt.current = { listId, selected: index >= 0 ? selected : undefined };
  }, [scroller, listId, selected, index, scrollToRow]);
}

/** The index of the row that a key leads to; undefined for other keys. */
function indexAfter(key: string, index: number, page: number, count: number): number | undefined {
  const within = (place: number): number => Math.max(0, Math.min(count - 1, place));
  switch (key) {
    case "PageDown":
      return within(index + page);
    case "PageUp":
      return within(index - page);
    case "Home":
      return 0;
    case "End":
      return within(count - 1);
    default:
      return undefined;
  }
}

/** Scrolls sideways until the column is in sight beside the first one, which stays. */
function showColumn(scroller: HTMLElement | null, column: number): void {
  const cells = scroller?.firstElementChild?.children;
  const [fixed, cell] = [cells?.[0], cells?.[column]];
  if (!(fixed instanceof HTMLElement) || !(cell instanceof HTMLElement) || column === 0) return;
  const { scrollLeft, clientWidth } = scroller as HTMLElement;
  const [left, right] = [cell.offsetLeft - fixed.offsetWidth, cell.offsetLeft + cell.offsetWidth];
  if (left < scrollLeft) (scroller as HTMLElement).scrollLeft = left;
  else if (right > scrollLeft + clientWidth)
    (scroller as HTMLElement).scrollLeft = right - clientWidth;
}

function Skeleton(): ReactElement {
  return (
    <>
      {Array.from({ length: SKELETON_ROWS }, (_, line) => (
        <div
          key={line}
          className="grid-row"
          style={{ transform: `translateY(${line * ROW_HEIGHT}px)` }}
        >
          <div className="cell c-document">
            <span className="skeleton" style={{ width: 90 }} />
          </div>
          <div className="cell c-field">
            <span className="skeleton" style={{ width: 70 }} />
          </div>
          <div className="cell c-value">
            <span className="skeleton" style={{ width: 120 + ((line * 37) % 80) }} />
          </div>
        </div>
      ))}
    </>
  );
}
