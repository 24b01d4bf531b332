/**
 * The entry point `tidemark/duckdb`: history in a DuckDB file.
 */
import type { QueriedHistoryStore } from "../history.ts";
import type { DuckDBOptions } from "./database.ts";
import { DuckDBStore } from "./store.ts";

export type { HistoryStore, QueriedHistoryStore } from "../history.ts";
export type { DuckDBOptions } from "./database.ts";

/**
 * A history store in a file, which is created where it does not exist. One server at a time has it
 * open. Needs the package `@duckdb/node-api`.
 */
export function duckdb(file: string, options: DuckDBOptions = {}): QueriedHistoryStore {
  return new DuckDBStore(file, options);
}
