/** The newest transactions by arrival, filtered. */
import { useMemo, useState, type ReactElement } from "react";
import type { QueryOf } from "tidemark/client";
import { formatCount } from "../../ui/format.ts";
import { FilterBar, type FilterTexts } from "../../ui/filter-bar.tsx";
import { LiveRows } from "../../ui/live-rows.tsx";
import { NoRows } from "../../ui/no-rows.tsx";
import { useNow } from "../../ui/use-now.ts";
import { TRANSACTIONS_MAX, type Channels, type TransactionSummary } from "../channels.ts";
import { useLiveQuery, usePause } from "./hooks.ts";
import { Panel } from "./panel.tsx";
import { columnsAt } from "./transaction-columns.ts";
import { FILTERS, transactionFilter } from "./transaction-filter.ts";

export interface TransactionsProps {
  readonly filters: FilterTexts;
  readonly selected: string | undefined;
  readonly onFilter: (filters: FilterTexts) => void;
  readonly onSelect: (hash: string, row: TransactionSummary) => void;
}

export function Transactions({
  filters,
  selected,
  onFilter,
  onSelect,
}: TransactionsProps): ReactElement {
  const { where, errors } = useMemo(() => transactionFilter(filters), [filters]);
  const query: QueryOf<Channels, "tx.main"> = {
    channel: "tx.main",
    ...(where && { where }),
    orderBy: [{ column: "seen_unix_ms", direction: "desc" }],
    // The table has more for a moment, until its history holds what leaves.
    limit: TRANSACTIONS_MAX,
  };
  const view = useLiveQuery(query);
  const now = useNow();
  const columns = useMemo(() => columnsAt(now), [now]);
  const count = Object.values(filters).filter((text) => text !== "").length;
  const [isOpen, setIsOpen] = useState(false);
  return (
    <Panel
      name="transactions"
      title="Transactions"
      query={query}
      tools={
        <>
          <span className="dim count">
            {where === undefined
              ? `newest ${formatCount(view.keys.length)}`
              : `${formatCount(view.keys.length)} of newest ${formatCount(Math.min(TRANSACTIONS_MAX, view.channelRows ?? 0))}`}
          </span>
          <PauseButton query={query} />
          <button
            type="button"
            className="plain small"
            data-filter
            aria-expanded={isOpen}
            title="Filter (/)"
            onClick={() => setIsOpen(!isOpen)}
          >
            {count === 0 ? "Filter" : `Filter ${count}`}
          </button>
        </>
      }
    >
      {(isOpen || count > 0) && (
        <FilterBar columns={FILTERS} filters={filters} errors={errors} onChange={onFilter} />
      )}
      <LiveRows
        label="Transactions"
        columns={columns}
        keys={view.keys}
        row={view.row}
        isStale={view.status === "stale" && view.reason !== "paused"}
        empty={<NoRows view={view} isFiltered={where !== undefined} />}
        onPress={(row) => onSelect(row.hash, row)}
        selectedKey={selected}
        canSelect
      />
    </Panel>
  );
}

/** Apart from the list, since the number of the rows that wait renders it. */
function PauseButton({ query }: { readonly query: QueryOf<Channels, "tx.main"> }): ReactElement {
  const { isPaused, pause, resume } = usePause(query);
  return (
    <button
      type="button"
      className="plain small pause"
      data-pause
      aria-pressed={isPaused}
      title={isPaused ? "Show the present rows (P)" : "Let the rows stand still (P)"}
      onClick={isPaused ? resume : pause}
    >
      {isPaused ? "▶ Resume" : "❚❚ Pause"}
    </button>
  );
}
