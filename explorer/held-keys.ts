/**
 * The rows that a reader is shown while the grid is paused, or scrolled away from the newest rows:
 * those that were there, without those that came since. Rows that leave are gone; values change.
 */

export interface Held {
  readonly keys: readonly string[];
  readonly known: ReadonlySet<string>;
}

export function hold(keys: readonly string[]): Held {
  return { keys, known: new Set(keys) };
}

/**
 * What is left of the held rows, in the present order: the same array while nothing of it changes.
 * Newest first, rows enter at the top and leave at the end, so one comparison per row mostly does.
 */
export function heldKeys(
  { keys: before, known }: Held,
  keys: readonly string[],
): readonly string[] {
  let entered = 0;
  while (entered < keys.length && !known.has(keys[entered] as string)) entered++;
  const rest = keys.length - entered;
  let same = 0;
  while (same < rest && before[same] === keys[entered + same]) same++;
  if (same === rest) return rest === before.length ? before : before.slice(0, rest);
  return keys.filter((key) => known.has(key));
}
