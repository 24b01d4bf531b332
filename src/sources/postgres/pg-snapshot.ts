/**
 * The arithmetic of a `pg_snapshot`, the set of transactions that a reader has read:
 * `xmin:xmax:xip,…`. It shows transactions below `xmax` that are not among those in progress
 * (`xip`, at least `xmin`). All ids are 64 bits wide, so they are passed as text and compared as
 * integers. Pure, and correct for committed transactions only: no caller asks about aborted ones.
 * Rules: PostgreSQL documentation, "pg_snapshot Components".
 */
import { assert } from "../../std/assert.ts";

/** A snapshot as text. Compare two by the transactions that they show. */
export interface PgSnapshot {
  readonly text: string;
  /** The first transaction that had not begun. */
  readonly xmax: string;
  readonly inProgress: readonly string[];
}

export function parseSnapshot(text: string): PgSnapshot {
  const [, xmax, inProgress = ""] = text.split(":");
  assert(xmax !== undefined && /^\d+$/.test(xmax), `"${text}" is a snapshot`);
  return { text, xmax, inProgress: inProgress === "" ? [] : inProgress.split(",") };
}

/** The transactions in progress as an array of SQL, for `= ANY ($1::xid8[])`. */
export function inProgressArray({ inProgress }: PgSnapshot): string {
  return `{${inProgress.join(",")}}`;
}

/**
 * Tests whether a transaction is visible. Prepared once, because it is called for each awaited
 * write.
 */
export function visibleIn({ xmax, inProgress }: PgSnapshot): (xid: string) => boolean {
  const end = BigInt(xmax);
  const open = new Set(inProgress);
  return (xid) => BigInt(xid) < end && !open.has(xid);
}

/** Whether `outer` shows every transaction that `inner` shows. */
export function includes(outer: PgSnapshot, inner: PgSnapshot): boolean {
  const innerEnd = BigInt(inner.xmax);
  if (BigInt(outer.xmax) < innerEnd) {
    // All transactions between must have been in progress in `inner`.
    const open = new Set(inner.inProgress);
    for (let xid = BigInt(outer.xmax); xid < innerEnd; xid++)
      if (!open.has(String(xid))) return false;
  }
  return outer.inProgress.every((xid) => BigInt(xid) >= innerEnd || inner.inProgress.includes(xid));
}

/**
 * Transactions that were in progress in both: they began before the first and had not ended at the
 * second.
 */
export function inProgressInBoth(left: PgSnapshot, right: PgSnapshot): ReadonlySet<string> {
  return new Set(left.inProgress.filter((xid) => right.inProgress.includes(xid)));
}

/** Whether any of these transactions has ended as of the snapshot. */
export function hasEnded(transactions: ReadonlySet<string>, { inProgress }: PgSnapshot): boolean {
  for (const xid of transactions) if (!inProgress.includes(xid)) return true;
  return false;
}

/**
 * The 64 bits of a transaction id of which a row's `xmin` has 32. `later` is an id that is larger
 * by less than 2^32.
 */
export function widenXid(xmin: string, later: string): string {
  const end = BigInt(later);
  const distance = BigInt.asUintN(32, end - BigInt(xmin));
  return String(end >= distance ? end - distance : 0n);
}
