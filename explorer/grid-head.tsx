/** The header of the grid: for each column a name that sorts on click, and a filter below it. */
import { useEffect, useState, type ReactElement } from "react";
import type { Column, OrderBy } from "../src/client/index.ts";
import { isNumericColumn } from "./cell-text.ts";

/** The query changes when nothing was typed for this long. */
const SETTLE_MS = 250;

export interface GridHeadProps {
  readonly columns: readonly Column[];
  readonly widths: readonly number[];
  readonly sort: readonly OrderBy[];
  readonly filters: Readonly<Record<string, string>>;
  /** Errors of filters, by column. */
  readonly filterErrors: Readonly<Record<string, string>>;
  readonly onSort: (column: string, isAdditional: boolean) => void;
  readonly onFilter: (column: string, text: string) => void;
}

export function GridHead({
  columns,
  widths,
  sort,
  filters,
  filterErrors,
  onSort,
  onFilter,
}: GridHeadProps): ReactElement {
  return (
    <div className="grid-head" role="row" aria-rowindex={1}>
      {columns.map((column, columnIndex) => {
        const place = sort.findIndex((term) => term.column === column.name);
        const direction = sort[place]?.direction ?? "asc";
        return (
          <div
            key={column.name}
            role="columnheader"
            className={`cell ${isNumericColumn(column) ? "number" : ""}`}
            style={{ width: widths[columnIndex] }}
            aria-sort={place < 0 ? "none" : direction === "desc" ? "descending" : "ascending"}
          >
            <button
              type="button"
              title={`Sort by ${column.name} (${column.type}). With Shift, keep the other sort columns`}
              onClick={(event) => onSort(column.name, event.shiftKey)}
            >
              <span className="name">{column.name}</span>
              <span className="arrow" aria-hidden="true">
                {place < 0
                  ? ""
                  : `${direction === "desc" ? "▼" : "▲"}${sort.length > 1 ? place + 1 : ""}`}
              </span>
            </button>
            <FilterInput
              column={column}
              text={filters[column.name] ?? ""}
              error={filterErrors[column.name]}
              onFilter={onFilter}
            />
          </div>
        );
      })}
    </div>
  );
}

function FilterInput({
  column,
  text,
  error,
  onFilter,
}: {
  readonly column: Column;
  readonly text: string;
  readonly error: string | undefined;
  readonly onFilter: (column: string, text: string) => void;
}): ReactElement {
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => onFilter(column.name, typed), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [typed, text, column.name, onFilter]);
  return (
    <input
      type="text"
      aria-label={`Filter ${column.name}`}
      aria-invalid={error !== undefined}
      title={error ?? filterHelp(column)}
      placeholder="filter"
      spellCheck={false}
      autoComplete="off"
      data-filter={column.name}
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter") onFilter(column.name, typed);
        if (event.key === "Escape") {
          onFilter(column.name, "");
          setTyped("");
          event.currentTarget.blur();
        }
        event.stopPropagation();
      }}
    />
  );
}

function filterHelp({ type }: Column): string {
  if (type === "json") return "null, !null";
  if (type === "boolean") return "true, false, null, !null";
  if (type === "text" || type === "any")
    return "text contains; =exact; =one,two; !=not; /regex/; null, !null";
  return "42, >10, <=5, 1..9, 1,2,3, !=0, null, !null";
}
