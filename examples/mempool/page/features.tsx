/** What transactions do, by category and by protocol. A bar that is pressed filters the list. */
import { useMemo, type ReactElement } from "react";
import type { QueryOf } from "tidemark/client";
import { formatCount } from "../../ui/format.ts";
import type { FilterTexts } from "../../ui/filter-bar.tsx";
import { NoRows } from "../../ui/no-rows.tsx";
import type { Channels } from "../channels.ts";
import { Panel } from "./panel.tsx";
import { words } from "./text.ts";
import { useCalmQuery } from "./use-calm-query.ts";

const QUERY: QueryOf<Channels, "feature_top"> = {
  channel: "feature_top",
  orderBy: [{ column: "features", direction: "desc" }],
  limit: 200,
};

interface Sum {
  readonly name: string;
  readonly features: number;
  readonly value: number;
}

export function Features({
  filters,
  onFilter,
}: {
  readonly filters: FilterTexts;
  readonly onFilter: (filters: FilterTexts) => void;
}): ReactElement {
  const view = useCalmQuery(QUERY);
  const { rows } = view;
  const byCategory = useMemo(() => sums(rows, "category"), [rows]);
  const byProtocol = useMemo(() => sums(rows, "protocol"), [rows]);
  return (
    <Panel name="features" title="Features" query={QUERY}>
      <div className="features">
        {(
          [
            ["category", byCategory],
            ["protocol", byProtocol],
          ] as const
        ).map(([field, bars]) => (
          <Bars
            key={field}
            field={field}
            bars={bars}
            pressed={filters[field] ?? ""}
            onPress={(text) => onFilter({ ...filters, [field]: text })}
          />
        ))}
        {rows.length === 0 && <NoRows view={view} isFiltered={false} />}
      </div>
    </Panel>
  );
}

function sums(
  rows: readonly {
    readonly features: number;
    readonly value: number | null;
    readonly category: string;
    readonly protocol: string;
  }[],
  field: "category" | "protocol",
): readonly Sum[] {
  const byName = new Map<string, Sum>();
  for (const row of rows) {
    const name = row[field];
    const { features, value } = byName.get(name) ?? { features: 0, value: 0 };
    byName.set(name, {
      name,
      features: features + row.features,
      value: value + (row.value ?? 0),
    });
  }
  // By name, so that no bar moves while its number changes.
  return [...byName.values()].sort((left, right) => left.name.localeCompare(right.name));
}

function Bars({
  field,
  bars,
  pressed,
  onPress,
}: {
  readonly field: string;
  readonly bars: readonly Sum[];
  /** The present filter. */
  readonly pressed: string;
  readonly onPress: (filter: string) => void;
}): ReactElement {
  const most = Math.max(1, ...bars.map(({ features }) => features));
  return (
    <div className="bars" role="group" aria-label={`Features by ${field}`}>
      {bars.map(({ name, features, value }) => {
        const filter = `=${name}`;
        return (
          <button
            key={name}
            type="button"
            className="plain bar"
            data-name={name}
            aria-pressed={pressed === filter}
            title={`${formatCount(features)} features, worth ${value.toFixed(2)} coins as far as it is known. Press to filter.`}
            onClick={() => onPress(pressed === filter ? "" : filter)}
          >
            <span className="name">{words(name)}</span>
            <span className="track" aria-hidden="true">
              <span style={{ transform: `scaleX(${(features / most).toFixed(4)})` }} />
            </span>
            <span className="number">{formatCount(features)}</span>
          </button>
        );
      })}
    </div>
  );
}
