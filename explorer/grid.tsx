/**
 * The virtualised live grid: it renders only the visible rows and columns and reads rows by key.
 * Keyboard: arrows, Page Up and Down, Home, End, Enter, copy; `/` goes to the filters.
 */
import {
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactElement,
  type ReactNode,
  type RefObject,
} from "react";
import type { Column, Row } from "../src/client/index.ts";
import { hint } from "../examples/ui/hint.ts";
import { ROW_HEIGHT, useVirtualRows } from "../examples/ui/use-virtual-rows.ts";
import { columnFormats, SAMPLE_ROWS, type ColumnFormat } from "./cell-text.ts";
import { copyText } from "./copy-text.ts";
import { GridHead, type GridHeadProps } from "./grid-head.tsx";
import { asTsv, placeAfter, plainText, type Place } from "./grid-keys.ts";
import { GridRow } from "./grid-row.tsx";
import { ACTIVE_CELL_ID } from "./row-cells.ts";
import { useColumnWindow } from "./use-column-window.ts";
import { useFilterFocus } from "./use-filter-focus.ts";
import { useRowSlots } from "./use-row-slots.ts";
import { useServerNow } from "./use-server-now.ts";

const SKELETON_ROWS = 20;

export interface GridProps extends Omit<
  GridHeadProps,
  "formats" | "window" | "onLeaveFilter" | "onNextFilter"
> {
  readonly label: string;
  readonly scroller: RefObject<HTMLDivElement | null>;
  /** Set to what focuses a column's filter. */
  readonly toFilter: RefObject<((column: string) => void) | undefined>;
  readonly columns: readonly Column[];
  /** The columns of the table's key. */
  readonly keyColumns: readonly string[];
  readonly keys: readonly string[];
  readonly row: (key: string) => Row | undefined;
  readonly isStale: boolean;
  /** No rows have come yet: the grid shows empty rows of the final size. */
  readonly isLoading: boolean;
  readonly selectedKey: string | undefined;
  readonly onSelect: (key: string) => void;
  /** Shown when there are no rows. */
  readonly empty: ReactNode;
  /** Shown below the last row. */
  readonly foot: ReactNode;
}

/** The cell of the keyboard cursor. It stays with its row when rows move. */
interface Active {
  readonly key: string | undefined;
  readonly column: number;
}

export function Grid({
  label,
  scroller,
  toFilter,
  columns,
  keyColumns,
  keys,
  row,
  isStale,
  isLoading,
  selectedKey,
  onSelect,
  empty,
  foot,
  ...head
}: GridProps): ReactElement {
  const formats = useSettledFormats(columns, keyColumns, keys, row);
  const widths = useMemo(() => formats.map(({ widthPx }) => widthPx), [formats]);
  const window = useColumnWindow(scroller, widths);
  const virtual = useVirtualRows(scroller, keys);
  const rows = useRowSlots(keys, virtual);
  const hasTimes = columns.some(({ type }) => type === "timestamp");
  const now = useServerNow();
  const cursor = useCursor(keys, selectedKey, onSelect);
  const { place, press } = cursor;
  const names = useMemo(() => columns.map(({ name }) => name), [columns]);
  const focusFilter = useFilterFocus(scroller, names, window.scrollToColumn, place.column);
  useEffect(() => {
    toFilter.current = (name) => focusFilter(names.indexOf(name));
  }, [toFilter, focusFilter, names]);
  const leaveFilter = useCallback(() => scroller.current?.focus(), [scroller]);
  const nextFilter = useCallback(
    (name: string) => focusFilter((names.indexOf(name) + 1) % names.length),
    [focusFilter, names],
  );

  useKeepInSight(scroller, selectedKey !== undefined, () => {
    if (place.index < 0) return;
    virtual.scrollToRow(place.index);
    window.scrollToColumn(place.column);
  });

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== scroller.current) return;
    const isCommand = event.ctrlKey || event.metaKey;
    const key = keys[place.index];
    if (isCommand && event.key.toLowerCase() === "c" && key !== undefined) {
      // A selected text is copied by the browser.
      if (getSelection()?.isCollapsed === false) return;
      const name = names[place.column] ?? "";
      void copyText(event.shiftKey ? asTsv(columns, [row(key)]) : plainText(row(key)?.[name]));
      const cells = event.shiftKey
        ? scroller.current.querySelectorAll<HTMLElement>(`[data-key="${CSS.escape(key)}"] .cell`)
        : scroller.current.querySelectorAll<HTMLElement>(`#${ACTIVE_CELL_ID}`);
      for (const cell of cells) hint(cell);
    } else if (isCommand || event.altKey) return;
    else if (event.key === "Enter" && key !== undefined) onSelect(key);
    else {
      const size = { rows: keys.length, columns: columns.length, pageRows: virtual.pageRows() };
      const to = placeAfter(event.key, place, size);
      if (to === undefined || keys.length === 0) return;
      cursor.move(to);
      virtual.scrollToRow(to.index);
      window.scrollToColumn(to.column);
    }
    event.preventDefault();
  };
  const onFocus = (): void => {
    const { current } = scroller;
    if (current === null || cursor.isPlaced || !current.matches(":focus-visible")) return;
    cursor.enter(Math.ceil(current.scrollTop / ROW_HEIGHT));
  };

  return (
    <div
      className="grid"
      ref={scroller}
      role="grid"
      aria-label={label}
      aria-rowcount={keys.length + 1}
      aria-colcount={columns.length}
      aria-activedescendant={cursor.isPlaced ? ACTIVE_CELL_ID : undefined}
      tabIndex={0}
      data-stale={isStale}
      style={{ scrollPaddingLeft: widths[0] }}
      onKeyDown={onKeyDown}
      onFocus={(event) => event.target === event.currentTarget && onFocus()}
    >
      <GridHead
        formats={formats}
        window={window}
        onLeaveFilter={leaveFilter}
        onNextFilter={nextFilter}
        {...head}
      />
      <div
        className="grid-body"
        style={{
          height: isLoading ? SKELETON_ROWS * ROW_HEIGHT : virtual.height,
          minWidth: `max(100%, ${window.totalPx}px)`,
        }}
      >
        {isLoading && <Skeleton formats={formats} />}
        {rows.map(({ key, index, slot }) => (
          <GridRow
            key={slot}
            index={index}
            rowKey={key}
            row={row(key)}
            formats={formats}
            window={window}
            isSelected={key === selectedKey}
            activeColumn={index === place.index ? place.column : -1}
            nowMs={hasTimes ? now : 0}
            onPress={press}
          />
        ))}
      </div>
      {keys.length === 0 && !isLoading && empty}
      {foot}
    </div>
  );
}

/** The cell of the keyboard cursor, which stays with its row; open details follow it. */
function useCursor(
  keys: readonly string[],
  selectedKey: string | undefined,
  onSelect: (key: string) => void,
): {
  readonly place: Place;
  readonly isPlaced: boolean;
  readonly move: (to: Place) => void;
  /** Places the cursor when there is none: at the selected row, or at this one. */
  readonly enter: (index: number) => void;
  readonly press: (index: number, column: number) => void;
} {
  const [active, setActive] = useState<Active>({ key: undefined, column: 0 });
  const activeIndex = useMemo(
    () => (active.key === undefined ? -1 : keys.indexOf(active.key)),
    [keys, active.key],
  );
  // Where the cursor's row was when it left: the next key starts there.
  const lastIndex = useRef(-1);
  if (activeIndex >= 0) lastIndex.current = activeIndex;
  const shown = useRef(keys);
  shown.current = keys;
  const press = useCallback(
    (index: number, column: number) => {
      const key = shown.current[index];
      setActive({ key, column });
      if (key !== undefined) onSelect(key);
    },
    [onSelect],
  );
  const { column } = active;
  const index = Math.min(lastIndex.current, keys.length - 1);
  return {
    place: { index, column },
    isPlaced: index >= 0,
    move: (to) => {
      const key = keys[to.index];
      setActive({ key, column: to.column });
      if (selectedKey !== undefined && key !== undefined) onSelect(key);
    },
    enter: (visible) => {
      const selected = selectedKey === undefined ? -1 : keys.indexOf(selectedKey);
      setActive({ key: keys[selected >= 0 ? selected : visible], column });
    },
    press,
  };
}

/** While details are open, which take room from the grid: calls this when the grid's size changes. */
function useKeepInSight(
  scroller: RefObject<HTMLElement | null>,
  isOpen: boolean,
  keep: () => void,
): void {
  const newest = useRef(keep);
  useLayoutEffect(() => {
    newest.current = keep;
  });
  useLayoutEffect(() => {
    const { current: element } = scroller;
    if (element === null || !isOpen) return undefined;
    const observer = new ResizeObserver(() => newest.current());
    observer.observe(element);
    return () => observer.disconnect();
  }, [scroller, isOpen]);
}

/** The formats of the columns, from the first rows; kept when rows change. */
function useSettledFormats(
  columns: readonly Column[],
  keyColumns: readonly string[],
  keys: readonly string[],
  row: (key: string) => Row | undefined,
): readonly ColumnFormat[] {
  const names = columns.map(({ name, type }) => `${name} ${type}`).join("\n");
  const isEmpty = keys.length === 0;
  const measure = (): readonly ColumnFormat[] =>
    columnFormats(columns, keyColumns, keys.slice(0, SAMPLE_ROWS).map(row));
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  return useMemo(measure, [names, isEmpty]);
}

function Skeleton({ formats }: { readonly formats: readonly ColumnFormat[] }): ReactElement {
  return (
    <>
      {Array.from({ length: SKELETON_ROWS }, (_, index) => (
        <div
          key={index}
          className="grid-row"
          style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
          aria-hidden="true"
        >
          {formats.map(({ column, widthPx }, columnIndex) => (
            <div key={column.name} className="cell" style={{ width: widthPx }}>
              <span
                className="skeleton"
                style={{ width: `${45 + ((index * 7 + columnIndex * 13) % 45)}%` }}
              />
            </div>
          ))}
        </div>
      ))}
    </>
  );
}
