/** Moving, resizing and removing a widget, by pointer and by keyboard. */
import { createContext, useContext, type KeyboardEvent, type PointerEvent } from "react";
import { COLUMN_COUNT, type Box } from "./layout.ts";
import type { WidgetState } from "./page-state.ts";

export interface Workspace {
  readonly place: (id: string, box: Box) => void;
  readonly remove: (id: string) => void;
}

export const WorkspaceContext = createContext<Workspace>({ place: () => {}, remove: () => {} });

const ARROWS: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function useArranging({ id, box }: WidgetState): {
  readonly move: (event: PointerEvent<HTMLElement>) => void;
  readonly resize: (event: PointerEvent<HTMLElement>) => void;
  readonly onTitleKey: (event: KeyboardEvent<HTMLElement>) => void;
} {
  const { place, remove } = useContext(WorkspaceContext);
  return {
    move: (event) => {
      if (
        event.target instanceof Element &&
        event.target.closest("button:not(.grip), select, input")
      )
        return;
      drag(event, (x, y) => place(id, { ...box, x: box.x + x, y: box.y + y }));
    },
    resize: (event) => drag(event, (x, y) => place(id, { ...box, w: box.w + x, h: box.h + y })),
    onTitleKey: (event) => {
      const arrow = ARROWS[event.key];
      if (event.key === "Delete" || event.key === "Backspace") remove(id);
      else if (arrow !== undefined && event.shiftKey)
        place(id, { ...box, w: box.w + arrow[0], h: box.h + arrow[1] });
      else if (arrow !== undefined) place(id, { ...box, x: box.x + arrow[0], y: box.y + arrow[1] });
      else return;
      event.preventDefault();
    },
  };
}

/** Follows the pointer until it is released, and says how many cells it has gone. */
function drag(
  event: PointerEvent<HTMLElement>,
  onMove: (columns: number, rows: number) => void,
): void {
  const grid = event.currentTarget.closest<HTMLElement>(".workspace");
  if (event.button !== 0 || grid === null) return;
  event.preventDefault();
  const [startX, startY] = [event.clientX, event.clientY];
  const columnPx = grid.clientWidth / COLUMN_COUNT;
  const rowPx = Number.parseFloat(getComputedStyle(grid).gridAutoRows);
  let [columns, rows] = [0, 0];
  const onPointerMove = (moved: globalThis.PointerEvent): void => {
    const next = [
      Math.round((moved.clientX - startX) / columnPx),
      Math.round((moved.clientY - startY) / rowPx),
    ] as const;
    if (next[0] === columns && next[1] === rows) return;
    [columns, rows] = next;
    onMove(columns, rows);
  };
  const end = (): void => {
    removeEventListener("pointermove", onPointerMove);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
  };
  addEventListener("pointermove", onPointerMove);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}
