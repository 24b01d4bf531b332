/**
 * The virtualised live grid: it renders only the visible rows and reads them by key, so a hundred
 * thousand rows cost as much as fifty. Keyboard: arrows, Page Up and Down, Home, End, Enter, copy.
 */
import {
  useCallback,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactElement,
  type ReactNode,
} from "react";
import { useVirtualizer } from "@tanstack/react-virtual";
import type { Column, Row } from "../src/client/index.ts";
import { columnWidths } from "./cell-text.ts";
import { GridHead, type GridHeadProps } from "./grid-head.tsx";
import { GridRow } from "./grid-row.tsx";

const ROW_HEIGHT = 28;
const SAMPLE_ROWS = 60;

export interface GridProps extends Omit<GridHeadProps, "widths"> {
  readonly label: string;
  readonly keys: readonly string[];
  readonly row: (key: string) => Row | undefined;
  readonly isStale: boolean;
  /** No rows have come yet: the grid shows empty rows of the final size. */
  readonly isLoading: boolean;
  readonly selectedKey: string | undefined;
  readonly onSelect: (key: string) => void;
  /** Shown when there are no rows. */
  readonly empty: ReactNode;
}

/** The cell of the keyboard cursor. It stays with its row when rows move. */
interface Active {
  readonly key: string | undefined;
  readonly column: number;
}

interface Place {
  readonly index: number;
  readonly column: number;
}

export function Grid({
  label,
  keys,
  row,
  isStale,
  isLoading,
  selectedKey,
  onSelect,
  empty,
  columns,
  ...head
}: GridProps): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<Active>({ key: undefined, column: 0 });
  const widths = useSettledWidths(columns, keys, row);
  const virtual = useVirtualizer({
    count: keys.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    getItemKey: (index) => keys[index] ?? index,
    overscan: 8,
    scrollPaddingStart: 60,
  });
  useAnchoredScroll(scroller, keys);

  const press = useCallback(
    (index: number, column: number) => {
      const key = keysRef.current[index];
      setActive({ key, column });
      if (key !== undefined) onSelect(key);
    },
    [onSelect],
  );
  const keysRef = useRef(keys);
  keysRef.current = keys;

  const activeIndex = active.key === undefined ? -1 : keys.indexOf(active.key);

  const move = (to: Place): void => {
    const index = Math.max(0, Math.min(keys.length - 1, to.index));
    setActive({ key: keys[index], column: Math.max(0, Math.min(columns.length - 1, to.column)) });
    virtual.scrollToIndex(index);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.target !== scroller.current) return;
    const page = Math.max(1, Math.floor((scroller.current.clientHeight - 60) / ROW_HEIGHT));
    const step = keyStep(
      event.key,
      { index: activeIndex, column: active.column },
      page,
      keys.length,
      columns.length,
    );
    const key = keys[activeIndex];
    if (step !== undefined) move(step);
    else if (event.key === "Enter" && key !== undefined) onSelect(key);
    else if (event.key === "c" && (event.ctrlKey || event.metaKey) && key !== undefined) {
      void navigator.clipboard.writeText(asTsv(columns, [row(key)]));
    } else return;
    event.preventDefault();
  };

  return (
    <div
      className="grid"
      ref={scroller}
      role="grid"
      aria-label={label}
      aria-rowcount={keys.length + 1}
      tabIndex={0}
      data-stale={isStale}
      onKeyDown={onKeyDown}
    >
      <GridHead columns={columns} widths={widths} {...head} />
      <div
        className="grid-body"
        style={{
          height: isLoading ? 20 * ROW_HEIGHT : virtual.getTotalSize(),
          minWidth: `max(100%, ${widths.reduce((sum, width) => sum + width, 0)}px)`,
        }}
      >
        {isLoading && <Skeleton widths={widths} />}
        {virtual.getVirtualItems().map(({ index, start }) => {
          const key = keys[index];
          if (key === undefined) return null;
          return (
            <GridRow
              key={key}
              index={index}
              rowKey={key}
              row={row(key)}
              columns={columns}
              widths={widths}
              top={start}
              isSelected={key === selectedKey}
              activeColumn={index === activeIndex ? active.column : -1}
              onPress={press}
            />
          );
        })}
      </div>
      {keys.length === 0 && !isLoading && empty}
    </div>
  );
}

function keyStep(
  key: string,
  { index, column }: Place,
  page: number,
  rows: number,
  columns: number,
): Place | undefined {
  switch (key) {
    case "ArrowDown":
      return { index: index + 1, column };
    case "ArrowUp":
      return { index: index - 1, column };
    case "ArrowRight":
      return { index: Math.max(0, index), column: column + 1 };
    case "ArrowLeft":
      return { index: Math.max(0, index), column: column - 1 };
    case "PageDown":
      return { index: index + page, column };
    case "PageUp":
      return { index: index - page, column };
    case "Home":
      return { index: 0, column };
    case "End":
      return { index: rows - 1, column: Math.min(column, columns - 1) };
    default:
      return undefined;
  }
}

/** Measures column widths from the first rows, and keeps them when rows change. */
function useSettledWidths(
  columns: readonly Column[],
  keys: readonly string[],
  row: (key: string) => Row | undefined,
): readonly number[] {
  const names = columns.map(({ name }) => name).join("\n");
  const isEmpty = keys.length === 0;
  const measure = () => columnWidths(columns, keys.slice(0, SAMPLE_ROWS).map(row));
  // oxlint-disable-next-line react-hooks/exhaustive-deps
  return useMemo(measure, [names, isEmpty]);
}

/**
 * Keeps the first visible row in place when rows enter or leave above it, unless the grid is
 * scrolled to the top.
 */
function useAnchoredScroll(
  scroller: React.RefObject<HTMLDivElement | null>,
  keys: readonly string[],
): void {
  const before = useRef(keys);
  useLayoutEffect(() => {
    const former = before.current;
    before.current = keys;
    const element = scroller.current;
    if (element === null || former === keys || element.scrollTop < ROW_HEIGHT) return;
    const formerIndex = Math.floor(element.scrollTop / ROW_HEIGHT);
    const anchor = former[formerIndex];
    if (anchor === undefined || keys[formerIndex] === anchor) return;
    const index = keys.indexOf(anchor);
    if (index >= 0) element.scrollTop += (index - formerIndex) * ROW_HEIGHT;
  }, [scroller, keys]);
}

function Skeleton({ widths }: { readonly widths: readonly number[] }): ReactElement {
  return (
    <>
      {Array.from({ length: 20 }, (_, index) => (
        <div
          key={index}
          className="grid-row"
          style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
          aria-hidden="true"
        >
          {widths.map((width, columnIndex) => (
            <div key={columnIndex} className="cell" style={{ width }}>
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

/** Rows as tab-separated text with a header, for spreadsheets. */
export function asTsv(columns: readonly Column[], rows: readonly (Row | undefined)[]): string {
  const clean = (value: unknown): string =>
    (value === null || value === undefined
      ? ""
      : typeof value === "object"
        ? JSON.stringify(value)
        : String(value)
    ).replace(/[\t\r\n]+/g, " ");
  return [
    columns.map(({ name }) => clean(name)),
    ...rows.map((row) => columns.map(({ name }) => clean(row?.[name]))),
  ]
    .map((cells) => cells.join("\t"))
    .join("\n");
}
