/** One field for each column of a widget's channel, with the explorer's filter texts. */
import type { ReactElement } from "react";
import { COLUMNS } from "../columns.ts";
import type { ChannelName, FilterTexts } from "./use-filters.ts";

const HELP = "42, >10, 1..9, 1,2,3, =exact, part of a text, /regex/, != and null";

export function FilterBar({
  channel,
  filters,
  errors,
  onChange,
}: {
  readonly channel: ChannelName;
  readonly filters: FilterTexts;
  readonly errors: FilterTexts;
  readonly onChange: (filters: FilterTexts) => void;
}): ReactElement {
  const error = Object.values(errors)[0];
  return (
    <div className="filter-bar" role="group" aria-label="Filters">
      {Object.keys(COLUMNS[channel]).map((column) => (
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
