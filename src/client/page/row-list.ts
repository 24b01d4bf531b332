/**
 * The rows of a view in order, beside their keys, and how a batch of changes makes the next list. A
 * batch of any size costs O(changed · log rows) comparisons, and one pass that copies pointers and
 * compares nothing. 83 changed rows take 0.4 ms of CPU in a view of 10,000, and 7 ms in one of
 * 200,000, in place of 7 and 435 ms for a sort (`npm run bench -- order`). Chunks shared by lists
 * would save half of the pass, for 250 B more.
 */
import { lowerBound, type Ranked, type RankOrder } from "../../protocol/order.ts";
import type { Row } from "../../protocol/row.ts";

/** Up to so many steps, moving what stands behind each is faster than filling new arrays. */
const SPLICED_STEPS_MAX = 16;

/** Keys and rows, side by side. */
export interface RowList {
  readonly keys: readonly string[];
  readonly rows: readonly Row[];
}

/** A key's row before and after; undefined where the list has none. */
export interface ListChange {
  readonly key: string;
  readonly before: Row | undefined;
  readonly after: Row | undefined;
}

/**
 * What happens at one index of a list: a row enters before it, or the row there is replaced, or
 * leaves.
 */
interface Step {
  readonly index: number;
  /** Rows of the list that the step replaces: 0 or 1. */
  readonly taken: number;
  readonly key: string;
  readonly row: Row | undefined;
}

/**
 * The list after `changes`, which name each key once. Without an order, rows stay where they are
 * and new ones come last. The former list stays as it was, but for its rows if `areRowsFree`: then
 * no one has read them, and a few changes are made in their array. A copy of 100,000 rows per
 * commit keeps the garbage collector busy.
 */
export function changedList(
  list: RowList,
  order: RankOrder | undefined,
  changes: readonly ListChange[],
  areRowsFree = false,
): RowList {
  const { keys, rows } = list;
  // Every search is in the former list, whose order no change has touched.
  const indexOf = (ranked: Ranked): number =>
    lowerBound(
      keys.length,
      (index) =>
        !order || order({ key: keys[index] as string, row: rows[index] as Row }, ranked) < 0,
    );
  const steps: Step[] = [];
  const entered: Ranked[] = [];
  for (const { key, before, after } of changes) {
    const stays = before && after && !order?.({ key, row: before }, { key, row: after });
    if (after && !stays) entered.push({ key, row: after });
    if (before === undefined) continue;
    let index = indexOf({ key, row: before });
    // No order, or the application has changed the row in place.
    if (keys[index] !== key) index = keys.indexOf(key);
    steps.push({ index, taken: 1, key, row: stays ? after : undefined });
  }
  if (order) entered.sort(order);
  for (const ranked of entered) steps.push({ ...ranked, index: indexOf(ranked), taken: 0 });
  // Rows that enter before a row come before the row's own step.
  steps.sort((a, b) => a.index - b.index || a.taken - b.taken);
  const next =
    steps.length <= SPLICED_STEPS_MAX ? spliced(list, steps, areRowsFree) : stepped(list, steps);
  return steps.every(isInPlace) ? { keys, rows: next.rows } : next;
}

/** Whether a step replaces a row where it stands. */
function isInPlace({ taken, row }: Step): boolean {
  return taken === 1 && row !== undefined;
}

function spliced(list: RowList, steps: readonly Step[], areRowsFree: boolean): RowList {
  const keys = steps.every(isInPlace) ? [] : list.keys.slice();
  const rows = areRowsFree ? (list.rows as Row[]) : list.rows.slice();
  // From the last step on: each index is one of the former list.
  for (let place = steps.length - 1; place >= 0; place--) {
    const step = steps[place] as Step;
    const { index, taken, key, row } = step;
    if (row === undefined) {
      keys.splice(index, taken);
      rows.splice(index, taken);
    } else if (isInPlace(step)) rows[index] = row;
    else {
      keys.splice(index, 0, key);
      rows.splice(index, 0, row);
    }
  }
  return { keys, rows };
}

function stepped(list: RowList, steps: readonly Step[]): RowList {
  const keys: string[] = [];
  const rows: Row[] = [];
  let from = 0;
  let to = 0;
  // An array with its final length is not copied as it fills.
  keys.length = rows.length = list.keys.length + steps.length;
  const copyTo = (end: number): void => {
    for (; from < end; from++) {
      keys[to] = list.keys[from] as string;
      rows[to++] = list.rows[from] as Row;
    }
  };
  for (const { index, taken, key, row } of steps) {
    copyTo(index);
    from += taken;
    if (row === undefined) continue;
    keys[to] = key;
    rows[to++] = row;
  }
  copyTo(list.keys.length);
  keys.length = rows.length = to;
  return { keys, rows };
}
