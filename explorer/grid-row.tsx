/** One row of the grid. A cell flashes when its value changes. */
import { memo, useEffect, useRef, type ReactElement } from "react";
import type { Column, JsonValue, Row } from "../src/client/index.ts";
import { cellText, isNumericColumn } from "./cell-text.ts";
import { hint } from "../examples/review/ui/hint.ts";
import { useNow } from "../examples/review/ui/use-now.ts";

export interface GridRowProps {
  readonly index: number;
  readonly rowKey: string;
  readonly row: Row | undefined;
  readonly columns: readonly Column[];
  readonly widths: readonly number[];
  readonly top: number;
  readonly isSelected: boolean;
  /** The column of the active cell, or -1. */
  readonly activeColumn: number;
  readonly onPress: (index: number, column: number) => void;
}

export const GridRow = memo(function GridRow({
  index,
  rowKey,
  row,
  columns,
  widths,
  top,
  isSelected,
  activeColumn,
  onPress,
}: GridRowProps): ReactElement {
  return (
    <div
      className="grid-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      style={{ transform: `translateY(${top}px)` }}
      data-key={rowKey}
    >
      {columns.map((column, columnIndex) => (
        <Cell
          key={column.name}
          column={column}
          value={row?.[column.name]}
          width={widths[columnIndex] ?? 100}
          isActive={columnIndex === activeColumn}
          onPress={() => onPress(index, columnIndex)}
        />
      ))}
    </div>
  );
});

interface CellProps {
  readonly column: Column;
  readonly value: JsonValue | undefined;
  readonly width: number;
  readonly isActive: boolean;
  readonly onPress: () => void;
}

function Cell(props: CellProps): ReactElement {
  // Only cells with a time need a clock, because they show an age.
  return props.column.type === "timestamp" ? (
    <TimeCell {...props} />
  ) : (
    <PlainCell {...props} nowMs={0} />
  );
}

function TimeCell(props: CellProps): ReactElement {
  return <PlainCell {...props} nowMs={useNow()} />;
}

function PlainCell({
  column,
  value,
  width,
  isActive,
  onPress,
  nowMs,
}: CellProps & { readonly nowMs: number }): ReactElement {
  const element = useRef<HTMLDivElement>(null);
  const before = useRef(value);
  const { text, title, tone } = cellText(column, value, nowMs);
  useEffect(() => {
    const hasChanged = !isSame(before.current, value);
    before.current = value;
    if (hasChanged && element.current !== null) hint(element.current);
  }, [value]);
  const className = [
    "cell",
    isNumericColumn(column, value) && "number",
    tone !== "normal" && tone,
    isActive && "active",
  ]
    .filter(Boolean)
    .join(" ");
  return (
    <div
      ref={element}
      role="gridcell"
      className={className}
      style={{ width }}
      title={title}
      onClick={onPress}
    >
      {text}
    </div>
  );
}

function isSame(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  return (
    left === right ||
    (typeof left === "object" &&
      typeof right === "object" &&
      JSON.stringify(left) === JSON.stringify(right))
  );
}
