/** Calls the program's `read` for a table, with a time limit, and checks what it returns. */
import type { Clock } from "../../std/clock.ts";
import type { KeyedRow } from "../../log/log.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import { withinTime } from "../within-time.ts";
import { inOneOrder } from "./known-rows.ts";
import type { RedisLimits } from "./limits.ts";
import type { Table } from "./tables.ts";

/** @throws Error in words for operators, and the errors of `read` */
export async function readRows(
  { name, declaration }: Table,
  read: (signal: AbortSignal) => Promise<readonly object[]>,
  { clock, limits }: { readonly clock: Clock; readonly limits: RedisLimits },
): Promise<readonly KeyedRow[]> {
  const rows: unknown = await withinTime(read, { clock, timeoutMs: limits.readTimeoutMs });
  if (!Array.isArray(rows)) throw new Error(`read of table "${name}" returned no list of rows`);
  if (rows.length > limits.readRowsMax)
    throw new Error(
      `read of table "${name}" returned ${rows.length} rows, more than the ${limits.readRowsMax} of readRowsMax`,
    );
  return rows.map((input: unknown) => {
    const row = JSON.parse(JSON.stringify(input) ?? "null") as Row | null;
    const key = typeof row === "object" && row !== null ? keyOf(row, declaration.key) : undefined;
    if (row === null || key === undefined)
      throw new Error(
        `read of table "${name}" returned a row without a value in its key (${declaration.key.join(", ")})`,
      );
    return inOneOrder({ key, row });
  });
}
