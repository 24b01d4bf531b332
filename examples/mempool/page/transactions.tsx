/** The newest transactions by arrival, filtered. */
import { useMemo, useState, type ReactElement } from "react";
import type { QueryOf } from "tidemark/client";
import { formatAge, formatCount } from "../../ui/format.ts";
import { FilterBar, type FilterTexts } from "../../ui/filter-bar.tsx";
import { LiveRows, type RowColumn } from "../../ui/live-rows.tsx";
import { NoRows } from "../../ui/no-rows.tsx";
import { useNow } from "../../ui/use-now.ts";
import type { Channels, TransactionSummary } from "../channels.ts";
import { useLiveQuery, usePause } from "./hooks.ts";
import { Panel } from "./panel.tsx";
import { decimals, gwei, shortHash, words } from "./text.ts";
import { FILTERS, transactionFilter } from "./transaction-filter.ts";

export interface TransactionsProps {
  readonly filters: FilterTexts;
  readonly selected: string | undefined;
  readonly onFilter: (filters: FilterTexts) => void;
  readonly onSelect: (hash: string) => void;
}

const SIGNS: Readonly<Record<TransactionSummary["status"], string>> = {
  pending: "◌ pending",
  included: "◐ included",
  confirmed: "● confirmed",
  replaced: "⇄ replaced",
  dropped: "✕ dropped",
};
const TONES: Readonly<Partial<Record<TransactionSummary["status"], "up" | "down" | "dim">>> = {
  confirmed: "up",
  replaced: "down",
  dropped: "down",
  pending: "dim",
};

const COLUMNS: readonly RowColumn<TransactionSummary>[] = [
  {
    name: "hash",
    title: "transaction",
    share: 1,
    minPx: 88,
    text: ({ hash }) => shortHash(hash),
    hover: ({ hash }) => hash,
  },
  { name: "chain", title: "chain", share: 0.7, minPx: 60, text: ({ chain }) => chain },
  {
    name: "protocol",
    title: "protocol",
    share: 1.1,
    minPx: 84,
    text: ({ protocol }) => words(protocol),
  },
  {
    name: "method",
    title: "method",
    share: 1.2,
    minPx: 78,
    text: ({ method, category }) => method ?? category,
    hover: ({ method, category }) => `${category}${method === null ? "" : `: ${method}`}`,
  },
  {
    name: "value",
    title: "value",
    share: 1,
    minPx: 74,
    isNumber: true,
    text: ({ value }) => decimals(value, 4),
    tone: ({ value }) => (Number(value) === 0 ? "dim" : ""),
    hover: ({ value }) => value,
  },
  {
    name: "max_fee",
    title: "max fee gwei",
    share: 0.9,
    minPx: 78,
    isNumber: true,
    text: ({ max_fee }) => gwei(max_fee),
    hover: ({ max_fee, tip }) => `at most ${max_fee} gwei, of which the tip is ${tip}`,
  },
  {
    name: "status",
    title: "status",
    share: 1,
    minPx: 84,
    text: ({ status }) => SIGNS[status],
    tone: ({ status }) => TONES[status] ?? "",
    flashes: true,
    hover: ({ status, block }) => (block === null ? status : `${status} in block ${block}`),
  },
];

/** The columns with the age of each transaction, which grows. */
function columnsAt(nowMs: number): readonly RowColumn<TransactionSummary>[] {
  return [
    ...COLUMNS,
    {
      name: "seen_unix_ms",
      title: "seen",
      share: 0.6,
      minPx: 62,
      isNumber: true,
      text: ({ seen_unix_ms }) => formatAge(nowMs - seen_unix_ms),
      tone: () => "dim",
      hover: ({ seen_unix_ms }) => new Date(seen_unix_ms).toLocaleString(),
    },
  ];
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
              : `${formatCount(view.keys.length)} of newest ${formatCount(view.channelRows ?? 0)}`}
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
        onPress={({ hash }) => onSelect(hash)}
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
