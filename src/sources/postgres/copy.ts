/**
 * Copies tables as of one snapshot: the first load, and every reload. Runs inside a transaction.
 */
import type { ChannelBounds } from "../../log/limits.ts";
import type { ChannelChange, KeyedRow } from "../../log/log.ts";

import type { PostgresLimits } from "./limits.ts";
import { asText, literal, type SqlQueries } from "./sql.ts";
import { copyStatement, countStatement, keyedRow } from "./statements.ts";
import { qualified, type Table } from "./tables.ts";

export interface CopiedTable {
  readonly change: ChannelChange;
  readonly total: number;
}

/** Reads the newest rows by key, as many as the channel may hold, and returns them oldest first. */
export async function copyTable(
  session: SqlQueries,
  table: Table,
  bounds: ChannelBounds,
  limits: PostgresLimits,
  onChunk: () => Promise<void>,
): Promise<CopiedTable> {
  const total = await countRows(session, table, limits);
  const upserts: KeyedRow[] = [];
  let bytes = 0;
  await session.query(
    copyStatement(table, "tidemark_copy", {
      rowsMax: bounds.rowsMax,
      rowBytesMax: limits.rowBytesMax,
    }),
  );
  for (;;) {
    await onChunk();
    const chunk = await session.query(`FETCH ${limits.copyChunkRows} FROM tidemark_copy`);
    for (const { row: json } of chunk) {
      const text = asText(json);
      bytes += Buffer.byteLength(text);
      if (bytes > bounds.bytesMax) break;
      upserts.push(keyedRow(text, table, limits.rowDepthMax));
    }
    if (chunk.length < limits.copyChunkRows || bytes > bounds.bytesMax) break;
  }
  await session.query("CLOSE tidemark_copy");
  // Rows are evicted in the order of changes, so the newest by key comes last.
  upserts.reverse();
  return { change: { channel: table.channel, upserts, removes: [], reload: true, total }, total };
}

async function countRows(
  session: SqlQueries,
  table: Table,
  { exactCountRowsMax }: PostgresLimits,
): Promise<number> {
  const [estimate] = await session.query(
    `SELECT reltuples::bigint::text AS rows FROM pg_class WHERE oid = ${literal(qualified(table))}::regclass`,
  );
  if (Number(estimate?.["rows"]) > exactCountRowsMax) return Number(estimate?.["rows"]);
  const [exact] = await session.query(countStatement(table));
  return Number(exact?.["rows"]);
}
