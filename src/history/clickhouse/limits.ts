/** Limits of a ClickHouse store, set with `clickhouse(url, { limits })`. */
import { atLeast, limitsOf } from "../../std/limits.ts";

export interface ClickHouseLimits {
  /**
   * A writer that has said nothing for this long counts as gone: the next process may write. So
   * long waits a start after a crash, at most. Default 5,000.
   */
  readonly leaseMs: number;
  /** How long one query may take. Over it: refused with `QUERY_TOO_COSTLY`. Default 10,000. */
  readonly queryMsMax: number;
  /** Memory of one query on the server. Over it: as above. Default 1 GiB. */
  readonly queryBytesMax: number;
  /** How long one insert may take. Over it: tried again. Default 30,000. */
  readonly writeMsMax: number;
  /**
   * How long a deletion of old rows may take, or another change of a whole table. Over it: tried
   * again with the next one. Default 600,000.
   */
  readonly changeMsMax: number;
}

const CLICKHOUSE_LIMITS: ClickHouseLimits = {
  leaseMs: 5_000,
  queryMsMax: 10_000,
  queryBytesMax: 1024 * 1024 * 1024,
  writeMsMax: 30_000,
  changeMsMax: 600_000,
};

/** @throws TidemarkError `BAD_OPTION` for an unknown or invalid limit */
export function clickhouseLimits(given?: Partial<ClickHouseLimits>): ClickHouseLimits {
  return limitsOf("clickhouse", CLICKHOUSE_LIMITS, given, [
    ...atLeast<ClickHouseLimits>(
      ...([1, "leaseMs", "queryMsMax", "queryBytesMax", "writeMsMax", "changeMsMax"] as const),
    ),
  ]);
}
