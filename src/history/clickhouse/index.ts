/** The entry `tidemark/clickhouse`: a history store in ClickHouse. */
import type { QueriedHistoryStore } from "../history.ts";
import { ClickHouseStore, type ClickHouseOptions } from "./store.ts";

export type { ClickHouseLimits } from "./limits.ts";
export type { ClickHouseOptions } from "./store.ts";

/**
 * Keeps history in a ClickHouse server, reached at its HTTP address:
 * `clickhouse("http://user:password@localhost:8123")`.
 * @throws TidemarkError `BAD_OPTION` for an address or a limit that can't be used
 */
export function clickhouse(url: string, options: ClickHouseOptions = {}): QueriedHistoryStore {
  return new ClickHouseStore(url, options);
}
