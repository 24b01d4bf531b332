/**
 * The cells of one row, written to the document without React: a grid that scrolls changes hundreds
 * of texts per frame, and React's work for them costs more than the browser's. A cell is written
 * only where what it shows has changed. It flashes when its value changes; a row that takes the
 * elements of another one does not flash.
 */
import type { JsonValue, Row } from "../src/client/index.ts";
import { hint } from "../examples/ui/hint.ts";
import { cellText, cellTitle, type ColumnFormat } from "./cell-text.ts";
import type { ColumnWindow } from "./use-column-window.ts";

/** The id of the active cell, for the grid's `aria-activedescendant`. */
export const ACTIVE_CELL_ID = "active-cell";

export interface RowContent {
  readonly rowKey: string;
  readonly row: Row | undefined;
  readonly formats: readonly ColumnFormat[];
  readonly window: ColumnWindow;
  /** The column of the active cell, or -1. */
  readonly activeColumn: number;
  /** The time for ages; 0 in a grid without times. */
  readonly nowMs: number;
}

interface Cell {
  readonly element: HTMLElement;
  readonly text: Text;
  readonly place: number;
  readonly format: ColumnFormat;
  /** In the document only while it has text. */
  filler: HTMLElement | undefined;
  /** The classes that come of the value. */
  className: string;
  isActive: boolean;
  value: JsonValue | undefined;
  /** The tooltip is made when someone points at the cell. */
  hasTitle: boolean;
}

export class RowCells {
  readonly #row: HTMLElement;
  #cells: readonly Cell[] = [];
  #shown: RowContent | undefined;
  #flashes: Animation[] = [];
  /** The space of the columns behind the window. */
  readonly #trail = document.createElement("div");

  constructor(row: HTMLElement) {
    this.#row = row;
    this.#trail.className = "trail";
  }

  show(content: RowContent): void {
    const shown = this.#shown;
    this.#shown = content;
    const isNew = shown?.formats !== content.formats || shown.window !== content.window;
    if (isNew) this.#build(content);
    if (shown?.rowKey !== content.rowKey)
      for (const animation of this.#flashes.splice(0)) animation.cancel();
    for (const cell of this.#cells) {
      const before = cell.value;
      const value = content.row?.[cell.format.column.name];
      if (isNew || value !== before || cell.format.column.type === "timestamp")
        write(cell, value, content.nowMs);
      markActive(cell, cell.place === content.activeColumn);
      if (!isNew && shown.rowKey === content.rowKey && shown.row !== undefined)
        this.#flash(cell, before);
    }
  }

  /** The column at an element in the row; -1 beside the cells. */
  columnAt(element: EventTarget): number {
    return this.#cellAt(element)?.place ?? -1;
  }

  /** Gives the cell at an element its tooltip. */
  explain(element: EventTarget): void {
    const cell = this.#cellAt(element);
    if (cell !== undefined) explain(cell);
  }

  #cellAt(element: EventTarget): Cell | undefined {
    return this.#cells.find((cell) => element instanceof Node && cell.element.contains(element));
  }

  /** Cells that stay keep their elements: they may be selected, or be pressed. */
  #build({ formats, window: { indexes, leadPx, trailPx } }: RowContent): void {
    const former = new Map(this.#cells.map((cell) => [cell.place, cell]));
    this.#cells = indexes.flatMap((place) => {
      const format = formats[place];
      if (format === undefined) return [];
      const cell = former.get(place);
      return [cell?.format === format ? cell : createCell(place, format)];
    });
    for (const { element, place } of this.#cells)
      element.style.marginLeft = place === indexes[1] ? `${leadPx}px` : "";
    this.#trail.style.width = `${trailPx}px`;
    const children = [
      ...this.#cells.map(({ element }) => element),
      ...(trailPx > 0 ? [this.#trail] : []),
    ];
    const shown = new Set<Node>(children);
    for (const child of Array.from(this.#row.childNodes)) if (!shown.has(child)) child.remove();
    for (const [place, child] of children.entries())
      if (this.#row.childNodes[place] !== child)
        this.#row.insertBefore(child, this.#row.childNodes[place] ?? null);
  }

  #flash({ element, value }: Cell, before: JsonValue | undefined): void {
    if (isSame(value, before)) return;
    const animation = hint(element);
    if (animation === undefined) return;
    this.#flashes = this.#flashes.filter(({ playState }) => playState === "running");
    this.#flashes.push(animation);
  }
}

function createCell(place: number, format: ColumnFormat): Cell {
  const element = document.createElement("div");
  const text = document.createTextNode("");
  element.setAttribute("role", "gridcell");
  element.setAttribute("aria-colindex", String(place + 1));
  element.dataset["column"] = format.column.name;
  element.style.width = `${format.widthPx}px`;
  element.append(text);
  return {
    element,
    text,
    place,
    format,
    filler: undefined,
    className: "",
    isActive: false,
    value: undefined,
    hasTitle: false,
  };
}

function write(cell: Cell, value: JsonValue | undefined, nowMs: number): void {
  const { element, text, format } = cell;
  const next = cellText(format, value, nowMs);
  cell.value = value;
  if (text.data !== next.text) text.data = next.text;
  const className = `cell${format.isNumber ? " number" : ""}${next.tone === "normal" ? "" : ` ${next.tone}`}`;
  if (cell.className !== className) {
    cell.className = className;
    element.className = cell.isActive ? `${className} active` : className;
  }
  writeFiller(cell, next.filler);
  if (cell.hasTitle) writeTitle(cell);
}

function writeFiller(cell: Cell, filler = ""): void {
  if (filler === "") {
    cell.filler?.remove();
    cell.filler = undefined;
    return;
  }
  if (cell.filler === undefined) {
    cell.filler = document.createElement("span");
    cell.filler.className = "filler";
    cell.filler.ariaHidden = "true";
    cell.element.append(cell.filler);
  }
  if (cell.filler.textContent !== filler) cell.filler.textContent = filler;
}

function explain(cell: Cell): void {
  if (cell.hasTitle) return;
  cell.hasTitle = true;
  writeTitle(cell);
}

function writeTitle({ element, format, value }: Cell): void {
  const title = cellTitle(format, value);
  if (title === undefined) element.removeAttribute("title");
  else element.title = title;
}

/** Who comes to a cell by keyboard has its tooltip read out as its description. */
function markActive(cell: Cell, isActive: boolean): void {
  const { element } = cell;
  if (cell.isActive === isActive) return;
  cell.isActive = isActive;
  element.classList.toggle("active", isActive);
  if (!isActive) return element.removeAttribute("id");
  element.id = ACTIVE_CELL_ID;
  explain(cell);
}

function isSame(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  return (
    left === right ||
    (typeof left === "object" &&
      typeof right === "object" &&
      JSON.stringify(left) === JSON.stringify(right))
  );
}
