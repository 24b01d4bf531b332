/** The header of the grid: for each column a name that sorts on click, and a filter below it. */
import { memo, useEffect, useState, type KeyboardEvent, type ReactElement } from "react";
import type { Column, OrderBy } from "../src/client/index.ts";
import type { ColumnFormat } from "./cell-text.ts";
import type { ColumnWindow } from "./use-column-window.ts";

/** The query changes when nothing was typed for this long. */
const SETTLE_MS = 250;

export interface GridHeadProps {
  readonly formats: readonly ColumnFormat[];
  readonly window: ColumnWindow;
  readonly sort: readonly OrderBy[];
  readonly filters: Readonly<Record<string, string>>;
  /** Errors of filters, by column. */
  readonly filterErrors: Readonly<Record<string, string>>;
  readonly onSort: (column: string, isAdditional: boolean) => void;
  readonly onFilter: (column: string, text: string) => void;
  /** To the grid's rows. */
  readonly onLeaveFilter: () => void;
  /** `/` in a filter that `/` has reached, and that is still empty. */
  readonly onNextFilter: (column: string) => void;
}

export const GridHead = memo(function GridHead({
  formats,
  window: { indexes, leadPx, trailPx },
  sort,
  filters,
  filterErrors,
  onSort,
  onFilter,
  onLeaveFilter,
  onNextFilter,
}: GridHeadProps): ReactElement {
  return (
    <div className="grid-head" role="row" aria-rowindex={1}>
      {indexes.map((index) => {
        const format = formats[index];
        if (format === undefined) return null;
        const { column, widthPx, isNumber } = format;
        const place = sort.findIndex((term) => term.column === column.name);
        const direction = sort[place]?.direction ?? "asc";
        return (
          <div
            key={column.name}
            role="columnheader"
            aria-colindex={index + 1}
            className={`cell ${isNumber ? "number" : ""}`}
            style={{ width: widthPx, marginLeft: index === indexes[1] ? leadPx : 0 }}
            aria-sort={place < 0 ? "none" : direction === "desc" ? "descending" : "ascending"}
          >
            <button
              type="button"
              title={`Sort by ${column.name} (${column.type}). Hold Shift to sort by more columns`}
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
              onLeave={onLeaveFilter}
              onNext={onNextFilter}
            />
          </div>
        );
      })}
      {trailPx > 0 && <div className="trail" style={{ width: trailPx }} />}
    </div>
  );
});

interface FilterInputProps {
  readonly column: Column;
  readonly text: string;
  readonly error: string | undefined;
  readonly onFilter: (column: string, text: string) => void;
  readonly onLeave: () => void;
  readonly onNext: (column: string) => void;
}

function FilterInput({
  column,
  text,
  error,
  onFilter,
  onLeave,
  onNext,
}: FilterInputProps): ReactElement {
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  useEffect(() => {
    if (typed === text) return;
    const timer = setTimeout(() => onFilter(column.name, typed), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [typed, text, column.name, onFilter]);
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>): void => {
    const { reached } = event.currentTarget.dataset;
    delete event.currentTarget.dataset["reached"];
    if (event.key === "Enter") onFilter(column.name, typed);
    if (event.key === "Escape" || event.key === "ArrowDown") {
      // The filter stays as it is; what was typed counts.
      onFilter(column.name, typed);
      onLeave();
      event.preventDefault();
    }
    // A regex begins with the same sign: it is text in a filter that was reached otherwise.
    if (event.key === "/" && typed === "" && reached !== undefined) {
      onNext(column.name);
      event.preventDefault();
    }
  };
  const errorId = `filter-error-${column.name}`;
  const input = (
    <input
      type="text"
      aria-label={`Filter ${column.name}`}
      aria-invalid={error !== undefined}
      aria-describedby={error === undefined ? undefined : errorId}
      title={error ?? filterHelp(column)}
      placeholder="filter"
      spellCheck={false}
      autoComplete="off"
      data-filter={column.name}
      value={typed}
      onPointerDown={({ currentTarget }) => delete currentTarget.dataset["reached"]}
      onChange={(event) => setTyped(event.target.value)}
      onKeyDown={onKeyDown}
    />
  );
  return (
    <>
      {input}
      {error !== undefined && (
        <p id={errorId} className="filter-error" role="alert">
          {error}
        </p>
      )}
    </>
  );
}

function filterHelp({ type }: Column): string {
  if (type === "json") return "null, !null";
  if (type === "boolean") return "true, false, null, !null";
  if (type === "text" || type === "any")
    return "text contains; =exact; =one,two; !=not; /regex/; null, !null";
  return "42, >10, <=5, 1..9, 1,2,3, !=0, null, !null";
}
