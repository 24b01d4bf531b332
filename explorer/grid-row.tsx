/**
 * One row of the grid. A cell flashes when its value changes. The grid gives a row that scrolls in
 * the elements of one that has scrolled out; these don't flash.
 */
import { memo, useEffect, useRef, type ReactElement, type RefObject } from "react";
import type { JsonValue, Row } from "../src/client/index.ts";
import { hint } from "../examples/review/ui/hint.ts";
import { ROW_HEIGHT } from "../examples/review/ui/use-virtual-rows.ts";
import { cellText, type ColumnFormat } from "./cell-text.ts";
import type { ColumnWindow } from "./use-column-window.ts";

export interface GridRowProps {
  readonly index: number;
  readonly rowKey: string;
  readonly row: Row | undefined;
  readonly formats: readonly ColumnFormat[];
  readonly window: ColumnWindow;
  readonly isSelected: boolean;
  /** The column of the active cell, or -1. */
  readonly activeColumn: number;
  /** The time for ages; 0 in a grid without times. */
  readonly nowMs: number;
  readonly onPress: (index: number, column: number) => void;
}

/** The id of the active cell, for the grid's `aria-activedescendant`. */
export const ACTIVE_CELL_ID = "active-cell";

export const GridRow = memo(function GridRow({
  index,
  rowKey,
  row,
  formats,
  window: { indexes, leadPx, trailPx },
  isSelected,
  activeColumn,
  nowMs,
  onPress,
}: GridRowProps): ReactElement {
  const element = useRef<HTMLDivElement>(null);
  useHints(element, rowKey, row);
  return (
    <div
      ref={element}
      className="grid-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      data-key={rowKey}
    >
      {indexes.map((place) => {
        const format = formats[place];
        if (format === undefined) return null;
        const {
          text,
          filler = "",
          title,
          tone,
        } = cellText(format, row?.[format.column.name], nowMs);
        const isActive = place === activeColumn;
        return (
          <div
            key={place}
            id={isActive ? ACTIVE_CELL_ID : undefined}
            role="gridcell"
            aria-colindex={place + 1}
            data-column={format.column.name}
            className={`cell${format.isNumber ? " number" : ""}${tone === "normal" ? "" : ` ${tone}`}${isActive ? " active" : ""}`}
            style={{ width: format.widthPx, marginLeft: place === indexes[1] ? leadPx : 0 }}
            title={title}
            onClick={() => onPress(index, place)}
          >
            {text}
            {filler !== "" && (
              <span className="filler" aria-hidden="true">
                {filler}
              </span>
            )}
          </div>
        );
      })}
      {trailPx > 0 && <div className="trail" style={{ width: trailPx }} />}
    </div>
  );
});

/** Flashes the cells whose values differ from those that the same row had before. */
function useHints(
  element: RefObject<HTMLDivElement | null>,
  rowKey: string,
  row: Row | undefined,
): void {
  const before = useRef({ rowKey, row });
  const running = useRef<Animation[]>([]);
  useEffect(() => {
    const former = before.current;
    before.current = { rowKey, row };
    if (former.rowKey !== rowKey) {
      for (const animation of running.current.splice(0)) animation.cancel();
      return;
    }
    if (former.row === row || former.row === undefined || element.current === null) return;
    running.current = running.current.filter(({ playState }) => playState === "running");
    for (const cell of element.current.querySelectorAll<HTMLElement>("[data-column]")) {
      const name = cell.dataset["column"] ?? "";
      if (isSame(former.row[name], row?.[name])) continue;
      const animation = hint(cell);
      if (animation !== undefined) running.current.push(animation);
    }
  }, [element, rowKey, row]);
}

function isSame(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  return (
    left === right ||
    (typeof left === "object" &&
      typeof right === "object" &&
      JSON.stringify(left) === JSON.stringify(right))
  );
}
