/**
 * Where widgets are, on a grid of equal columns and rows. Pure functions: a widget that is moved or
 * resized pushes others down, and all rise as far as there is room.
 */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Placed {
  readonly id: string;
  readonly box: Box;
}

export const COLUMN_COUNT = 24;
const SIZE_MIN = { w: 4, h: 4 };
const ROWS_MAX = 200;

function isOverlapping(left: Box, right: Box): boolean {
  return (
    left.x < right.x + right.w &&
    right.x < left.x + left.w &&
    left.y < right.y + right.h &&
    right.y < left.y + left.h
  );
}

/** The box within the grid, of at least the smallest size. */
export function withinGrid({ x, y, w, h }: Box): Box {
  const width = between(SIZE_MIN.w, w, COLUMN_COUNT);
  const height = between(SIZE_MIN.h, h, ROWS_MAX);
  return {
    x: between(0, x, COLUMN_COUNT - width),
    y: between(0, y, ROWS_MAX - height),
    w: width,
    h: height,
  };
}

/** All widgets after one of them has got this box. The order of the widgets stays. */
export function arrange<W extends Placed>(
  widgets: readonly W[],
  id: string,
  box: Box,
): readonly W[] {
  const moved = widgets.map((widget) =>
    widget.id === id ? { ...widget, box: withinGrid(box) } : widget,
  );
  // Once more, because the moved widget went before some that can rise now.
  return compact(compact(moved, id));
}

/** Each widget as high as there is room; `firstId` keeps its row where others could have it. */
export function compact<W extends Placed>(widgets: readonly W[], firstId?: string): readonly W[] {
  const placed: W[] = [];
  const first = widgets.find(({ id }) => id === firstId);
  const inOrder = widgets
    .filter((widget) => widget !== first)
    .sort((left, right) => left.box.y - right.box.y || left.box.x - right.box.x);
  if (first !== undefined)
    placed.push({ ...first, box: rise(first, settledAbove(first, inOrder)) });
  for (const widget of inOrder) placed.push({ ...widget, box: rise(widget, placed) });
  return widgets.map(({ id }) => placed.find((widget) => widget.id === id) as W);
}

/** The widgets that begin above one, as high as they get without it: it can't pass them. */
function settledAbove<W extends Placed>(widget: W, others: readonly W[]): readonly W[] {
  const above: W[] = [];
  for (const other of others)
    if (other.box.y + other.box.h <= widget.box.y)
      above.push({ ...other, box: rise(other, above) });
  return above;
}

/** The widget's box as high as these others let it, or below them. */
function rise(widget: Placed, others: readonly Placed[]): Box {
  let { box } = widget;
  const isFree = (candidate: Box): boolean =>
    others.every((other) => !isOverlapping(candidate, other.box));
  while (!isFree(box)) box = { ...box, y: box.y + 1 };
  while (box.y > 0 && isFree({ ...box, y: box.y - 1 })) box = { ...box, y: box.y - 1 };
  return box;
}

/** The first place, from the top, that has room for a new widget. */
export function freePlace(widgets: readonly Placed[], { w, h }: Pick<Box, "w" | "h">): Box {
  for (let y = 0; ; y++)
    for (let x = 0; x + w <= COLUMN_COUNT; x++) {
      const box = { x, y, w, h };
      if (widgets.every((other) => !isOverlapping(box, other.box))) return box;
    }
}

function between(low: number, value: number, high: number): number {
  return Math.min(high, Math.max(low, Math.round(value)));
}
