/**
 * Transactions that may have written before a lease began, when no trigger captured what they did, and the
 * tables that they wrote to. Nobody else matters: who begins to write later is captured.
 */
import type { Clock } from "../../std/clock.ts";
import { parseSnapshot, type PgSnapshot } from "./pg-snapshot.ts";
import { asText, type SqlQueries } from "./sql.ts";
import { writersStatement } from "./stamps.ts";
import type { Table } from "./tables.ts";

/** The numbers of the tables, by transaction. */
export type Writers = ReadonlyMap<string, ReadonlySet<number>>;

const STEP_MS = 10;

/** Short ones are waited for, at most `settleMsMax`, so that one copy has them all. Returns those that are left. */
export async function writersBefore(options: {
  readonly session: SqlQueries;
  readonly tables: readonly Table[];
  readonly clock: Clock;
  readonly settleMsMax: number;
}): Promise<Writers> {
  const { session, tables, clock, settleMsMax } = options;
  const locks = await session.query(writersStatement(tables));
  const { inProgress } = await present(session);
  const writers = new Map<string, Set<number>>();
  for (const { xid, oid } of locks) {
    // Locks tell 32 bits of the transaction's id.
    const wide = inProgress.find(
      (candidate) => BigInt.asUintN(32, BigInt(candidate)) === BigInt(asText(xid)),
    );
    if (wide !== undefined) writers.set(wide, (writers.get(wide) ?? new Set()).add(Number(oid)));
  }
  const endMs = clock.monotonic() + settleMsMax;
  for (;;) {
    const left = writers.size === 0 ? writers : openIn(await present(session), writers);
    if (left.size === 0 || clock.monotonic() >= endMs) return left;
    await new Promise<void>((resolve) => void clock.after(STEP_MS, resolve));
  }
}

/** Those of them that had not ended. */
export function openIn({ inProgress }: PgSnapshot, writers: Writers): Writers {
  return new Map([...writers].filter(([xid]) => inProgress.includes(xid)));
}

async function present(session: SqlQueries): Promise<PgSnapshot> {
  const [row] = await session.query("SELECT pg_current_snapshot()::text AS snapshot");
  return parseSnapshot(asText(row?.["snapshot"]));
}
