/**
 * Which elements show which rows. While the grid scrolls, a row that comes in takes the elements of
 * one that has left, and elements keep their places in the document: the browser then only draws
 * other text. Once the grid stands still, the document has the rows in order again.
 */
import { useEffect, useRef, useState } from "react";

/** Without scrolling for this long, the grid stands still. */
const STILL_MS = 200;

interface Slots {
  readonly first: number;
  /** The slot of each row, in the order of the document. */
  readonly byKey: ReadonlyMap<string, number>;
  readonly next: number;
}

export interface SlotRow {
  readonly key: string;
  readonly index: number;
  /** The same for the same elements. */
  readonly slot: number;
}

/** The rows of the window, in the order of the document. */
export function useRowSlots(
  keys: readonly string[],
  { first, end }: { readonly first: number; readonly end: number },
): readonly SlotRow[] {
  const slots = useRef<Slots>({ first, byKey: new Map(), next: 0 });
  const [stillAt, setStillAt] = useState(first);
  useEffect(() => {
    const timer = setTimeout(() => setStillAt(first), STILL_MS);
    return () => clearTimeout(timer);
  }, [first]);
  const rows = keys.slice(first, end).map((key, offset) => ({ key, index: first + offset }));
  slots.current = assignSlots(
    slots.current,
    first,
    rows.map(({ key }) => key),
  );
  const { byKey } = slots.current;
  const shown = rows.map((row) => ({ ...row, slot: byKey.get(row.key) ?? -1 }));
  if (stillAt === first) {
    slots.current = { ...slots.current, byKey: new Map(shown.map(({ key, slot }) => [key, slot])) };
    return shown;
  }
  const places = new Map([...byKey.keys()].map((key, place) => [key, place]));
  return shown.sort((a, b) => (places.get(a.key) ?? 0) - (places.get(b.key) ?? 0));
}

function assignSlots(before: Slots, first: number, keys: readonly string[]): Slots {
  const wanted = new Set(keys);
  const coming = keys.filter((key) => !before.byKey.has(key));
  const isScrolled = before.first !== first;
  const byKey = new Map<string, number>();
  let { next } = before;
  for (const [key, slot] of before.byKey) {
    if (wanted.has(key)) byKey.set(key, slot);
    else if (isScrolled) {
      const heir = coming.pop();
      if (heir !== undefined) byKey.set(heir, slot);
    }
  }
  for (const key of coming) byKey.set(key, next++);
  return { first, byKey, next };
}
