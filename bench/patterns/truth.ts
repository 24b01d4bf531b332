/**
 * Judges what widgets showed against a recomputation from all rows in the order in which they were
 * made. A widget may be late by `graceMs`; what is wrong for longer counts.
 */
import { isOpen, type Order } from "./orders.ts";

/** What a widget showed at one moment. */
export interface Shown {
  readonly atMs: number;
  /** The widget said that it has no connection, or is behind: its rows are not judged. */
  readonly isMarked: boolean;
  /** Ids with the versions of their orders. */
  readonly rows: readonly (readonly [id: string, version: number])[];
}

export interface Verdict {
  /** Rows on the screen that had changed or left, over all samples. */
  readonly wrong: number;
  /** Rows that should have been there, over all samples. */
  readonly missing: number;
  /** Rows that should have been there or were, over all samples. */
  readonly all: number;
  /** Samples in which the widget said itself that it is not live. */
  readonly marked: number;
}

export interface MadeOrder {
  readonly atMs: number;
  readonly order: Order;
}

export interface JudgeOptions {
  readonly limit: number;
  readonly graceMs: number;
}

/** Both lists in the order of time. */
export function judge(
  made: readonly MadeOrder[],
  samples: readonly Shown[],
  { limit, graceMs }: JudgeOptions,
): Verdict {
  /** As of the moment of the sample: the open orders, newest first, and since when each is in sight. */
  let open: Order[] = [];
  const inSightSince = new Map<string, number>();
  /** As of so long ago that every widget should know of it. */
  const known = new Map<string, Order>();
  const verdict = { wrong: 0, missing: 0, all: 0, marked: 0 };
  let [next, nextKnown] = [0, 0];
  const note = ({ atMs, order }: MadeOrder): void => {
    open = open.filter(({ id }) => id !== order.id);
    const place = open.findIndex(({ trade_id }) => trade_id < order.trade_id);
    if (isOpen(order)) open.splice(place < 0 ? open.length : place, 0, order);
    const inSight = new Set(open.slice(0, limit).map(({ id }) => id));
    for (const id of inSightSince.keys()) if (!inSight.has(id)) inSightSince.delete(id);
    for (const id of inSight) if (!inSightSince.has(id)) inSightSince.set(id, atMs);
  };
  for (const { atMs, rows, isMarked } of samples) {
    for (; (made[next]?.atMs ?? Number.POSITIVE_INFINITY) <= atMs; next++)
      note(made[next] as MadeOrder);
    for (; (made[nextKnown]?.atMs ?? Number.POSITIVE_INFINITY) <= atMs - graceMs; nextKnown++) {
      const { order } = made[nextKnown] as MadeOrder;
      known.set(order.id, order);
    }
    if (isMarked) {
      verdict.marked++;
      continue;
    }
    const shown = new Map(rows);
    for (const [id, version] of shown) {
      const order = known.get(id);
      const isOld = order !== undefined && (order.version > version || !isOpen(order));
      if (isOld) verdict.wrong++;
    }
    const expected = [...inSightSince].filter(([, sinceMs]) => sinceMs <= atMs - graceMs);
    verdict.missing += expected.filter(([id]) => !shown.has(id)).length;
    verdict.all += new Set([...shown.keys(), ...expected.map(([id]) => id)]).size;
  }
  return verdict;
}
