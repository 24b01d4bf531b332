/** Pending transactions that somebody could profit from, the best first. */
import { useMemo, type ReactElement } from "react";
import type { QueryOf } from "tidemark/client";
import { LiveRows, type RowColumn } from "../../ui/live-rows.tsx";
import { NoRows } from "../../ui/no-rows.tsx";
import { useNow } from "../../ui/use-now.ts";
import type { Channels, Opportunity } from "../channels.ts";
import { Panel } from "./panel.tsx";
import { decimals, words } from "./text.ts";
import { useConnection } from "./hooks.ts";
import { useCalmQuery } from "./use-calm-query.ts";

const QUERY: QueryOf<Channels, "opportunity.main"> = {
  channel: "opportunity.main",
  orderBy: [{ column: "score", direction: "desc" }],
  limit: 100,
};

const COLUMNS: readonly RowColumn<Opportunity>[] = [
  {
    name: "kind",
    title: "kind",
    share: 1.2,
    minPx: 88,
    text: ({ kind }) => words(kind),
    hover: ({ text }) => text,
  },
  {
    name: "score",
    title: "score",
    share: 0.5,
    minPx: 40,
    isNumber: true,
    text: ({ score }) => score.toFixed(2),
  },
  {
    name: "pair",
    title: "pair",
    share: 1,
    minPx: 76,
    text: ({ pair, protocol }) => pair ?? words(protocol),
    hover: ({ text, protocol }) => `${words(protocol)}: ${text}`,
  },
  {
    name: "value",
    title: "value",
    share: 0.7,
    minPx: 56,
    isNumber: true,
    text: ({ value }) => decimals(value, value < 1 ? 4 : 2),
    hover: ({ value, profit }) =>
      profit === null ? String(value) : `${value}; at most ${profit} could be earned`,
  },
];

function columnsAt(nowMs: number): readonly RowColumn<Opportunity>[] {
  return [
    ...COLUMNS,
    {
      name: "expires_unix_ms",
      title: "ends",
      share: 0.5,
      minPx: 34,
      isNumber: true,
      text: ({ expires_unix_ms }) =>
        `${Math.max(0, Math.ceil((expires_unix_ms - nowMs) / 1_000))} s`,
      tone: () => "dim",
      hover: ({ expires_unix_ms }) => new Date(expires_unix_ms).toLocaleTimeString(),
    },
  ];
}

export function Opportunities({
  selected,
  onSelect,
}: {
  readonly selected: string | undefined;
  readonly onSelect: (hash: string) => void;
}): ReactElement {
  const view = useCalmQuery(QUERY);
  const { clockOffsetMs } = useConnection();
  const now = useNow() + clockOffsetMs;
  const columns = useMemo(() => columnsAt(now), [now]);
  const selectedKey = view.keys.find((key) => view.row(key)?.hash === selected);
  return (
    <Panel name="opportunities" title="Opportunities" query={QUERY}>
      <LiveRows
        label="Opportunities"
        columns={columns}
        keys={view.keys}
        row={view.row}
        isStale={view.status === "stale"}
        empty={<NoRows view={view} isFiltered={false} />}
        onPress={({ hash }) => onSelect(hash)}
        selectedKey={selectedKey}
        canSelect
      />
    </Panel>
  );
}
