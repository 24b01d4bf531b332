/** Queries of the program's own over the file. */
import type * as DuckDB from "@duckdb/node-api";
import { TidemarkError } from "../../std/errors.ts";
import { exactNumber } from "../../protocol/exact-json.ts";
import type { StoreQueryParameters } from "../history.ts";
import { unavailable, type Session } from "./database.ts";

/** Runs one SELECT and returns its rows as JSON has them. */
export async function readOwnQuery(
  session: Session,
  sql: string,
  parameters: StoreQueryParameters,
): Promise<readonly object[]> {
  const { driver } = session;
  const statement = await session.prepare(sql);
  try {
    if (statement.statementType !== driver.StatementType.SELECT)
      throw new TidemarkError("BAD_OPTION", "A query of the history store is one SELECT.");
    const named = Object.entries(parameters).filter(([name]) =>
      parameterNames(statement).includes(name),
    );
    statement.bind(Object.fromEntries(named) as Record<string, DuckDB.DuckDBValue>);
    const result = await statement.run();
    const names = result.deduplicatedColumnNames();
    const types = result.columnTypes();
    const rows: object[] = [];
    // Part by part, between which the event loop goes on.
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) return rows;
      for (const values of chunk.convertRows(driver.JsonDuckDBValueConverter))
        rows.push(
          Object.fromEntries(
            names.map((name, index) => [name, jsonOf(driver, types[index]?.typeId, values[index])]),
          ),
        );
    }
  } catch (cause) {
    throw unavailable(cause);
  } finally {
    statement.destroySync();
  }
}

function parameterNames(statement: DuckDB.DuckDBPreparedStatement): readonly string[] {
  return Array.from({ length: statement.parameterCount }, (_, index) =>
    statement.parameterName(index + 1),
  );
}

/** Whole numbers and decimals are numbers where they are exact, and times as ISO 8601. */
function jsonOf(
  { DuckDBTypeId: id }: typeof DuckDB,
  type: DuckDB.DuckDBTypeId | undefined,
  value: unknown,
): unknown {
  if (typeof value !== "string") return value;
  switch (type) {
    case id.BIGINT:
    case id.UBIGINT:
    case id.HUGEINT:
    case id.UHUGEINT:
    case id.DECIMAL:
      return exactNumber(value);
    case id.TIMESTAMP:
    case id.TIMESTAMP_S:
    case id.TIMESTAMP_MS:
    case id.TIMESTAMP_NS:
    case id.TIMESTAMP_TZ:
      return value.replace(" ", "T");
    default:
      return value;
  }
}
