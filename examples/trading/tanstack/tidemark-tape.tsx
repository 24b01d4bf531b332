/** The same tape with `tidemark/tanstack-query`: the cache entry follows the stream. */
import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";
import { liveQueryOptions } from "tidemark/tanstack-query";
import { live } from "../page/client.ts";
import { TradesTable } from "./trades-table.tsx";

const NEWEST = {
  channel: "trades",
  where: { column: "symbol", eq: "BTCUSDT" },
  orderBy: [{ column: "id", direction: "desc" }],
  limit: 20,
} as const;

export function TidemarkTape(): ReactElement {
  const { data = [] } = useQuery(liveQueryOptions(live, NEWEST));
  return <TradesTable trades={data} />;
}
