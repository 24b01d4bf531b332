/**
 * A trade tape as many front ends have it: TanStack Query fetches the rows, a socket pushes new ones
 * as `table_rows`, and a refetch every 30 seconds corrects what the pushes have missed.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, type ReactElement } from "react";
import type { Trade } from "../channels.ts";
import { TradesTable } from "./trades-table.tsx";

const SYMBOL = "BTCUSDT";
const ROWS = 20;
const KEY = ["trades", SYMBOL];
const ORDER = JSON.stringify([{ column: "time", direction: "desc" }]);

interface TableRows {
  readonly type: string;
  /** The first rows, or all of them anew. */
  readonly reset?: true;
  readonly columns: readonly string[];
  readonly rows?: readonly (readonly unknown[])[];
}

async function fetchTrades(): Promise<readonly Trade[]> {
  const parameters = new URLSearchParams({
    channel: "trades",
    where: JSON.stringify({ column: "symbol", eq: SYMBOL }),
    order_by: ORDER,
    limit: String(ROWS),
  });
  const response = await fetch(`/v2/history?${parameters.toString()}`);
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return ((await response.json()) as { readonly rows: readonly Trade[] }).rows;
}

export function RowPushTape(): ReactElement {
  const cache = useQueryClient();
  useEffect(() => {
    const parameters = new URLSearchParams({
      table: "trades",
      filters: JSON.stringify({ symbol: SYMBOL }),
      order_by: ORDER,
      limit: String(ROWS),
    });
    const socket = new WebSocket(`/table-rows?${parameters.toString()}`);
    socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
      const message = JSON.parse(data) as TableRows;
      if (message.type !== "table_rows" || message.rows === undefined) return;
      const pushed = message.rows.map(
        (values) =>
          Object.fromEntries(
            message.columns.map((column, index) => [column, values[index]]),
          ) as unknown as Trade,
      );
      cache.setQueryData<readonly Trade[]>(KEY, (before = []) =>
        prepend(pushed, message.reset === true ? [] : before),
      );
    });
    return () => socket.close();
  }, [cache]);
  const { data = [] } = useQuery({
    queryKey: KEY,
    queryFn: fetchTrades,
    staleTime: 30_000,
    refetchInterval: 30_000,
  });
  return <TradesTable trades={data} />;
}

/** Newest first, each trade once. */
function prepend(pushed: readonly Trade[], before: readonly Trade[]): readonly Trade[] {
  const trades = new Map([...before, ...pushed].map((trade) => [trade.id, trade]));
  return [...trades.values()].sort((left, right) => right.id - left.id).slice(0, ROWS);
}
