/** What DuckDB computes from trades with SQL, beside what the dashboard's server has. */
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import type { RecordedTrade } from "./market-recording.ts";

const COLUMNS = {
  candles: ["symbol", "bucket", "open", "high", "low", "close", "volume", "trades"],
  volumes: ["symbol", "side", "volume", "trades"],
  movers: ["symbol", "first", "last"],
} as const;

type Rows = readonly (readonly string[])[];

export class CandleQueries {
  readonly #database: DuckDBConnection;

  private constructor(database: DuckDBConnection) {
    this.#database = database;
  }

  static async of(trades: readonly RecordedTrade[]): Promise<CandleQueries> {
    const database = await (await DuckDBInstance.create(":memory:")).connect();
    const lines = trades.map(
      ({ symbol, side, price, quantity, timeMs, id }) =>
        `('${symbol}', '${side}', ${price}::DECIMAL(38,8), ${quantity}::DECIMAL(38,8), ${timeMs}, ${id})`,
    );
    await database.run(
      `CREATE TABLE trades AS SELECT * FROM (VALUES ${lines.join()}) AS rows (symbol, side, price, quantity, ms, id)`,
    );
    return new CandleQueries(database);
  }

  /** In the order of symbols and times. */
  candles(seconds: number, symbol?: string): Promise<Rows> {
    return this.#rows(`
      SELECT symbol, strftime(make_timestamp((ms // 1000 // ${seconds}) * ${seconds} * 1000000), '%Y-%m-%dT%H:%M:%S'),
        arg_min(price, (ms, id)), max(price), min(price), arg_max(price, (ms, id)), sum(quantity), count(*)
      FROM trades ${symbol === undefined ? "" : `WHERE symbol = '${symbol}'`} GROUP BY 1, 2`);
  }

  volumes(): Promise<Rows> {
    return this.#rows("SELECT symbol, side, sum(quantity), count(*) FROM trades GROUP BY 1, 2");
  }

  movers(): Promise<Rows> {
    return this.#rows(
      "SELECT symbol, arg_min(price, (ms, id)), arg_max(price, (ms, id)) FROM trades GROUP BY 1",
    );
  }

  /** The rows of a channel of the server, in the same form. */
  async served(url: string, channel: string): Promise<Rows> {
    const answer = await fetch(`${url}/v2/snapshot?channels=${channel}`);
    const { channels } = (await answer.json()) as {
      channels: Record<string, { rows: Record<string, unknown>[] }>;
    };
    const kind = channel.startsWith("candles") ? "candles" : (channel as "volumes" | "movers");
    const rows = channels[channel]?.rows ?? [];
    return inForm(rows.map((row) => COLUMNS[kind].map((column) => row[column])));
  }

  close(): void {
    this.#database.closeSync();
  }

  async #rows(sql: string): Promise<Rows> {
    return inForm((await this.#database.runAndReadAll(sql)).getRowsJson());
  }
}

/** Numbers as JavaScript writes them, times to the second, and all rows in one order. */
function inForm(rows: readonly (readonly unknown[])[]): Rows {
  const plain = (value: unknown): string => {
    const text = String(value);
    if (/^\d{4}-\d\d-\d\dT/.test(text)) return text.slice(0, 19);
    return Number.isNaN(Number(text)) ? text : String(Number(text));
  };
  return rows
    .map((row) => row.map(plain))
    .sort((left, right) => (left.join(" ") < right.join(" ") ? -1 : 1));
}
