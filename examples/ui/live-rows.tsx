/**
 * A list of rows that change many times in a second. React places the rows in sight; their cells are
 * written to the document directly, and only where a text has changed.
 */
import { memo, useEffect, useLayoutEffect, useRef, type ReactElement, type ReactNode } from "react";
import type { ViewHistory } from "tidemark/client";
import "./live-rows.css";
import { hint } from "./hint.ts";
import { HistoryFoot } from "./history-foot.tsx";
import { useOlderRows } from "./use-older-rows.ts";
import { ROW_HEIGHT, useVirtualRows, type VirtualRows } from "./use-virtual-rows.ts";

export interface RowColumn<R> {
  readonly name: string;
  readonly title: string;
  /** Of the width that is left; the columns have at least `minPx`. */
  readonly share: number;
  readonly minPx: number;
  readonly isNumber?: true;
  readonly text: (row: R) => string;
  readonly tone?: (row: R) => Tone;
  /** A change of the cell flashes. */
  readonly flashes?: true;
  /** What the cell says under the pointer. */
  readonly hover?: (row: R) => string;
}

export type Tone = "up" | "down" | "dim" | "";

export interface LiveRowsProps<R> {
  readonly label: string;
  readonly columns: readonly RowColumn<R>[];
  readonly keys: readonly string[];
  readonly row: (key: string) => R | undefined;
  readonly history?: ViewHistory | undefined;
  readonly isStale?: boolean;
  readonly empty?: ReactNode;
  /** A row is pressed, or arrows lead to it from the selected one. */
  readonly onPress?: (row: R) => void;
  /** It stays where it is in sight; absent where rows can't be selected. */
  readonly selectedKey?: string | undefined;
  readonly canSelect?: true;
}

export function LiveRows<R>({
  label,
  columns,
  keys,
  row,
  history,
  isStale = false,
  empty,
  onPress,
  selectedKey,
  canSelect,
}: LiveRowsProps<R>): ReactElement {
  const scroller = useRef<HTMLDivElement>(null);
  const rows = useVirtualRows(scroller, keys, selectedKey);
  const { first, end, height } = rows;
  useOlderRows(scroller, history);
  const pool = Math.max(1, end - first);
  const shown = keys.slice(first, end).map((key, offset) => ({ key, index: first + offset }));
  const minPx = columns.reduce((sum, column) => sum + column.minPx + GAP_PX, GAP_PX);
  const template = columns.map(({ share, minPx }) => `minmax(${minPx}px, ${share}fr)`).join(" ");
  return (
    <div
      ref={scroller}
      className="live-rows"
      role="table"
      aria-label={label}
      aria-rowcount={keys.length}
      tabIndex={0}
      data-stale={isStale}
      onKeyDown={(event) => {
        const index = canSelect && nextIndex(event.key, keys, { selectedKey, rows });
        const next = index === undefined ? undefined : row(keys[index] ?? "");
        if (index === undefined || next === undefined) return;
        event.preventDefault();
        rows.scrollToRow(index);
        onPress?.(next);
      }}
      style={{ ["--columns" as string]: template, ["--rows-min" as string]: `${minPx}px` }}
    >
      <div className="live-head" role="row">
        {columns.map(({ name, title, isNumber }) => (
          <span key={name} role="columnheader" className={isNumber ? "number" : ""}>
            {title}
          </span>
        ))}
      </div>
      <div role="rowgroup" className="live-body" style={{ height }}>
        {shown.map(({ key, index }) => (
          <PaintedRow
            key={index % pool}
            rowKey={key}
            index={index}
            row={row(key)}
            columns={columns as readonly RowColumn<unknown>[]}
            isSelected={canSelect && key === selectedKey}
            onPress={onPress as ((row: unknown) => void) | undefined}
          />
        ))}
      </div>
      {keys.length === 0 && empty}
      {history !== undefined && keys.length > 0 && (
        <HistoryFoot history={history} rowCount={keys.length} />
      )}
    </div>
  );
}

/** Where a key leads to from the selected row, or from the first one in sight. */
function nextIndex(
  key: string,
  keys: readonly string[],
  { selectedKey, rows }: { readonly selectedKey: string | undefined; readonly rows: VirtualRows },
): number | undefined {
  const selected = selectedKey === undefined ? -1 : keys.indexOf(selectedKey);
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: rows.pageRows(), PageUp: -rows.pageRows() }[
    key
  ];
  const last = keys.length - 1;
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (step === undefined) return undefined;
  return selected < 0 ? rows.first : Math.min(last, Math.max(0, selected + step));
}

/** Between columns, and about the first and last one, as in live-rows.css. */
const GAP_PX = 9;

interface PaintedRowProps {
  readonly rowKey: string;
  readonly index: number;
  readonly row: unknown;
  readonly columns: readonly RowColumn<unknown>[];
  readonly isSelected: boolean | undefined;
  readonly onPress: ((row: unknown) => void) | undefined;
}

const PaintedRow = memo(function PaintedRow({
  rowKey,
  index,
  row,
  columns,
  isSelected,
  onPress,
}: PaintedRowProps): ReactElement {
  const element = useRef<HTMLDivElement>(null);
  const painted = useRef<Painted>({ key: undefined, flashes: [] });
  useLayoutEffect(() => {
    if (element.current !== null && row !== undefined)
      paint(element.current, painted.current, { rowKey, row, columns });
  }, [rowKey, row, columns]);
  useEffect(() => {
    const { current } = painted;
    return () => current.flashes.forEach((flash) => flash.cancel());
  }, []);
  return (
    <div
      ref={element}
      className="live-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      data-key={rowKey}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      onClick={onPress && (() => row !== undefined && onPress(row))}
    >
      {columns.map(({ name, isNumber, hover }) => (
        <span
          key={name}
          role="cell"
          data-column={name}
          className={isNumber ? "number" : ""}
          onPointerEnter={
            hover && (({ currentTarget }) => void (currentTarget.title = row ? hover(row) : ""))
          }
        />
      ))}
    </div>
  );
});

interface Painted {
  key: string | undefined;
  flashes: Animation[];
}

function paint(
  element: HTMLElement,
  painted: Painted,
  { rowKey, row, columns }: Pick<PaintedRowProps, "rowKey" | "row" | "columns">,
): void {
  const isSameRow = painted.key === rowKey;
  painted.key = rowKey;
  if (!isSameRow) for (const flash of painted.flashes.splice(0)) flash.cancel();
  for (const [place, column] of columns.entries()) {
    const cell = element.children[place];
    if (!(cell instanceof HTMLElement)) continue;
    const text = column.text(row);
    if (!isSameRow && column.hover !== undefined && cell.title !== "") cell.title = "";
    const tone = column.tone?.(row) ?? "";
    if (cell.dataset["tone"] !== tone) cell.dataset["tone"] = tone;
    if (cell.textContent === text) continue;
    if (cell.firstChild === null) cell.textContent = text;
    else cell.firstChild.nodeValue = text;
    if (!isSameRow || column.flashes !== true) continue;
    const flash = hint(cell);
    painted.flashes = painted.flashes.filter(({ playState }) => playState === "running");
    if (flash !== undefined) painted.flashes.push(flash);
  }
}
