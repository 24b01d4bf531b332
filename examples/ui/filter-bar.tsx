/** One field for each column that can be filtered, with the filter texts of `filter-text.ts`. */
import type { ReactElement } from "react";
import "./filter-bar.css";

export type FilterTexts = Readonly<Record<string, string>>;

const HELP = "42, >10, 1..9, 1,2,3, =exact, part of a text, /regex/, != and null";

export function FilterBar({
  columns,
  filters,
  errors,
  onChange,
}: {
  readonly columns: readonly string[];
  readonly filters: FilterTexts;
  readonly errors: FilterTexts;
  readonly onChange: (filters: FilterTexts) => void;
}): ReactElement {
  const error = Object.values(errors)[0];
  return (
    <div className="filter-bar" role="group" aria-label="Filters">
      {columns.map((column) => (
        <label key={column}>
          <span className="dim">{column.replace("_", " ")}</span>
          <input
            value={filters[column] ?? ""}
            placeholder="any"
            title={errors[column] ?? HELP}
            aria-invalid={errors[column] !== undefined}
            spellCheck={false}
            onChange={({ target }) => onChange({ ...filters, [column]: target.value })}
            onKeyDown={(event) => {
              if (event.key === "Escape" && filters[column]) {
                event.stopPropagation();
                onChange({ ...filters, [column]: "" });
              }
            }}
          />
        </label>
      ))}
      {error !== undefined && <p role="alert">{error}</p>}
    </div>
  );
}
