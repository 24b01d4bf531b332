/**
 * What a dashboard gives DuckDB, so that several of them stay small beside each other. A file that
 * is there already keeps the size of its blocks.
 */
import type { DuckDBOptions } from "tidemark/duckdb";

/** Eleven tables have 220 columns, of which each would hold 256 KiB or more by default. */
export const STORE: DuckDBOptions = { memoryLimit: "64MB", blockBytes: 16 * 1_024 };
