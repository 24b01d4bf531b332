/**
 * One row of the grid. React places the row; `row-cells.ts` writes its cells. The grid gives a row
 * that scrolls in the elements of one that has scrolled out.
 */
import { memo, useLayoutEffect, useRef, type ReactElement } from "react";
import { ROW_HEIGHT } from "../examples/ui/use-virtual-rows.ts";
import { RowCells, type RowContent } from "./row-cells.ts";

export interface GridRowProps extends RowContent {
  readonly index: number;
  readonly isSelected: boolean;
  readonly onPress: (index: number, column: number) => void;
}

export const GridRow = memo(function GridRow({
  index,
  isSelected,
  onPress,
  ...content
}: GridRowProps): ReactElement {
  const element = useRef<HTMLDivElement>(null);
  const cells = useRef<RowCells>(undefined);
  useLayoutEffect(() => {
    if (element.current === null) return;
    cells.current ??= new RowCells(element.current);
    cells.current.show(content);
  });
  return (
    <div
      ref={element}
      className="grid-row"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      style={{ transform: `translateY(${index * ROW_HEIGHT}px)` }}
      data-key={content.rowKey}
      onClick={({ target }) => {
        const column = cells.current?.columnAt(target) ?? -1;
        if (column >= 0) onPress(index, column);
      }}
      onPointerOver={({ target }) => cells.current?.explain(target)}
    />
  );
});
