/**
 * The model as one SQL statement, for DuckDB and for ClickHouse. It makes minute candles of the
 * trades, opens positions by minute and level, finds the minute in which the price crosses each
 * level, and adds up what is alive at the end of each column. `README.md` has the formula.
 */
import { liquidationFactor, OPENED_SHARE, SPAN, TIERS, type Side } from "./settings.ts";

/** What differs between the two languages. */
export interface StatementDialect {
  /** A parameter of the statement. */
  readonly parameter: (name: string, type: "String" | "Int64" | "Float64") => string;
  readonly float: (sql: string) => string;
  /** Unix milliseconds of a time, and a time of Unix milliseconds. */
  readonly unixMs: (time: string) => string;
  readonly timeOf: (unixMs: string) => string;
  readonly wholeQuotient: (dividend: string, divisor: string) => string;
  /** One row per number. */
  readonly eachOf: (from: string, to: string, step: string) => string;
  /** The table of a channel. */
  readonly table: (channel: string) => string;
}

export const DUCKDB: StatementDialect = {
  parameter: (name, type) => {
    const cast = { String: "VARCHAR", Int64: "BIGINT", Float64: "DOUBLE" }[type];
    return `CAST($${name} AS ${cast})`;
  },
  float: (sql) => `CAST(${sql} AS DOUBLE)`,
  unixMs: (time) => `epoch_ms(${time})`,
  timeOf: (unixMs) => `make_timestamp(${unixMs} * 1000)`,
  wholeQuotient: (dividend, divisor) => `(${dividend}) // ${divisor}`,
  eachOf: (from, to, step) => `unnest(range(${from}, ${to}, ${step}))`,
  table: (channel) => channel,
};

/** `database`: the one that the store has. */
export const clickHouse = (database: string): StatementDialect => ({
  parameter: (name, type) => `{${name}:${type}}`,
  float: (sql) => `toFloat64(${sql})`,
  unixMs: (time) => `toUnixTimestamp64Milli(assumeNotNull(${time}))`,
  timeOf: (unixMs) => `fromUnixTimestamp64Milli(${unixMs}, 'UTC')`,
  wholeQuotient: (dividend, divisor) => `intDiv(${dividend}, ${divisor})`,
  eachOf: (from, to, step) => `arrayJoin(range(${from}, ${to}, ${step}))`,
  table: (channel) => `${database}.${channel}`,
});

/** The newest trade of a symbol: `time` and `price`. */
export function newestStatement({ parameter, unixMs, float, table }: StatementDialect): string {
  return `
    SELECT ${unixMs("time")} AS at_ms, ${float("price")} AS last_price
    FROM ${table("trades")}
    WHERE symbol = ${parameter("symbol", "String")} AND _kind = 'upsert'
    ORDER BY _seq DESC, _place DESC
    LIMIT 1`;
}

/**
 * Rows with `time_ms`, `level` and `value`: of each column its closing price, as level 0, and the
 * levels above 0, counted in steps. Parameters: `symbol`, `from_ms`, `as_of_ms`, `first_minute`,
 * `interval`, `lifetime` (in minutes) and `step`. `hasOpenInterest`: a channel `open_interest` has
 * `symbol`, `time` and the `quantity` that is open.
 */
export function heatmapStatement(dialect: StatementDialect, hasOpenInterest: boolean): string {
  const { parameter, float, unixMs, timeOf, wholeQuotient, eachOf, table } = dialect;
  const within = `symbol = ${parameter("symbol", "String")} AND _kind = 'upsert'
        AND time >= ${timeOf(parameter("from_ms", "Int64"))}
        AND time <= ${timeOf(parameter("as_of_ms", "Int64"))}`;
  const step = parameter("step", "Float64");
  const interval = parameter("interval", "Int64");
  const lastMinute = wholeQuotient(parameter("as_of_ms", "Int64"), "60000");
  return `
    WITH
    traded AS (
      SELECT
        ${wholeQuotient(unixMs("time"), "60000")} AS trade_minute,
        ${float("price")} AS trade_price,
        ${float("quantity")} AS trade_quantity,
        side AS trade_side,
        id AS trade_id
      FROM ${table("trades")}
      WHERE ${within}
    ),
    candles AS (
      SELECT trade_minute AS candle_minute, min(trade_price) AS low, max(trade_price) AS high,
        argMax(trade_price, trade_id) AS close, sum(trade_quantity) AS volume
      FROM traded
      GROUP BY trade_minute
    ),
    ${hasOpenInterest ? sharesOf(dialect, within) : FIXED_SHARES},
    tiers AS (${tierRows()}),
    opened AS (
      SELECT trade_minute AS entry_minute, tier_side AS entry_side,
        floor(trade_price * factor / ${step} + 0.5) AS entry_level,
        sum(trade_price * trade_quantity * share * weight) AS notional
      FROM traded INNER JOIN shares ON trade_minute = share_minute
        INNER JOIN tiers ON trade_side = taker
      GROUP BY trade_minute, tier_side, floor(trade_price * factor / ${step} + 0.5)
    ),
    positions AS (
      SELECT entry_minute, entry_side, entry_level, notional,
        min(CASE WHEN candle_minute > entry_minute AND (
          (entry_side = 'long' AND low <= entry_level * ${step}) OR
          (entry_side = 'short' AND high >= entry_level * ${step})
        ) THEN candle_minute ELSE 9000000000 END) AS crossed_minute
      FROM opened CROSS JOIN candles
      GROUP BY entry_minute, entry_side, entry_level, notional
    ),
    starts AS (
      SELECT ${eachOf(parameter("first_minute", "Int64"), `${lastMinute} + 1`, interval)} AS start_minute
    ),
    columns AS (
      SELECT start_minute, start_minute + ${interval} - 1 AS end_minute,
        argMax(close, candle_minute) AS column_close
      FROM starts CROSS JOIN candles
      WHERE candle_minute < start_minute + ${interval}
      GROUP BY start_minute
    )
    SELECT start_minute * 60000 AS time_ms, 0 AS level, column_close AS value FROM columns
    UNION ALL
    SELECT start_minute * 60000 AS time_ms, entry_level AS level, sum(notional) AS value
    FROM positions CROSS JOIN columns
    WHERE entry_minute <= end_minute
      AND entry_minute > end_minute - ${parameter("lifetime", "Int64")}
      AND crossed_minute > end_minute
      AND abs(entry_level * ${step} / column_close - 1) <= ${SPAN}
    GROUP BY start_minute, entry_level`;
}

const FIXED_SHARES = `
    shares AS (SELECT candle_minute AS share_minute, ${OPENED_SHARE}e0 AS share FROM candles)`;

/** Of each minute: by how much open interest rose, as a share of what was traded. */
function sharesOf(
  { float, unixMs, wholeQuotient, table }: StatementDialect,
  within: string,
): string {
  return `
    interest AS (
      SELECT ${wholeQuotient(unixMs("time"), "60000")} AS interest_minute,
        argMax(${float("quantity")}, time) AS open_quantity
      FROM ${table("open_interest")}
      WHERE ${within}
      GROUP BY ${wholeQuotient(unixMs("time"), "60000")}
    ),
    before AS (
      SELECT interest_minute + 1 AS next_minute, open_quantity AS open_before FROM interest
    ),
    known AS (
      SELECT candle_minute AS known_minute, volume, 0 AS is_known, 0e0 AS rise FROM candles
      UNION ALL
      SELECT interest_minute AS known_minute, 0e0 AS volume, 1 AS is_known,
        open_quantity - open_before AS rise
      FROM interest INNER JOIN before ON interest_minute = next_minute
    ),
    shares AS (
      SELECT known_minute AS share_minute,
        CASE WHEN sum(is_known) = 0 THEN ${OPENED_SHARE}e0
          ELSE least(1e0, greatest(0e0, sum(rise)) / sum(volume)) END AS share
      FROM known
      GROUP BY known_minute
      HAVING sum(volume) > 0
    )`;
}

/** Of each tier and side: whose trades open it, its weight, and its liquidation factor. */
function tierRows(): string {
  const takers: Readonly<Record<Side, string>> = { long: "buy", short: "sell" };
  return (["long", "short"] as const)
    .flatMap((side) =>
      TIERS.map(
        (tier) =>
          // The exponent makes it a binary number in both languages.
          `SELECT '${side}' AS tier_side, '${takers[side]}' AS taker, ${tier.weight}e0 AS weight, ${liquidationFactor(side, tier)}e0 AS factor`,
      ),
    )
    .join(" UNION ALL ");
}
