/**
 * Transactions that may have written before a lease began, when no trigger captured their changes,
 * and the tables that they wrote to. Triggers capture all transactions that begin to write later.
 */
import type { Clock } from "../../std/clock.ts";
import type { PostgresLimits } from "./limits.ts";
import { parseSnapshot, type PgSnapshot } from "./pg-snapshot.ts";
import { asText, type SqlQueries } from "./sql.ts";
import { writersStatement } from "./stamps.ts";
import type { Table } from "./tables.ts";

/** The oids of the tables, by transaction. */
export type Writers = ReadonlyMap<string, ReadonlySet<number>>;

/**
 * Waits for short transactions, at most `settleMsMax`, so that one copy has all their changes.
 * Returns the transactions that are still open.
 */
export async function writersBefore(options: {
  readonly session: SqlQueries;
  readonly tables: readonly Table[];
  readonly clock: Clock;
  readonly limits: Pick<PostgresLimits, "settleMsMax" | "settleStepMs">;
}): Promise<Writers> {
  const { session, tables, clock, limits } = options;
  const locks = await session.query(writersStatement(tables));
  const { inProgress } = await present(session);
  const writers = new Map<string, Set<number>>();
  for (const { xid, oid } of locks) {
    // A lock has 32 bits of the transaction's id.
    const wide = inProgress.find(
      (candidate) => BigInt.asUintN(32, BigInt(candidate)) === BigInt(asText(xid)),
    );
    if (wide !== undefined) writers.set(wide, (writers.get(wide) ?? new Set()).add(Number(oid)));
  }
  const endMs = clock.monotonic() + limits.settleMsMax;
  for (;;) {
    const left = writers.size === 0 ? writers : openIn(await present(session), writers);
    if (left.size === 0 || clock.monotonic() >= endMs) return left;
    await new Promise<void>((resolve) => void clock.after(limits.settleStepMs, resolve));
  }
}

/** The transactions that had not ended as of the snapshot. */
export function openIn({ inProgress }: PgSnapshot, writers: Writers): Writers {
  return new Map([...writers].filter(([xid]) => inProgress.includes(xid)));
}

async function present(session: SqlQueries): Promise<PgSnapshot> {
  const [row] = await session.query("SELECT pg_current_snapshot()::text AS snapshot");
  return parseSnapshot(asText(row?.["snapshot"]));
}
