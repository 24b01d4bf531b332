/**
 * The rows that a reader is shown while the grid is paused, or scrolled away from the newest rows:
 * those that were there, without those that came since. Rows that leave are gone; values change.
 * Older rows that are loaded behind the last one are shown.
 */

export interface Held {
  readonly keys: readonly string[];
  readonly known: ReadonlySet<string>;
}

export function hold(keys: readonly string[]): Held {
  return { keys, known: new Set(keys) };
}

/** With the rows behind the last held one, which a view with history has loaded since. */
export function withOlderRows(held: Held, keys: readonly string[]): Held {
  let end = keys.length;
  while (end > 0 && !held.known.has(keys[end - 1] as string)) end--;
  return end === keys.length ? held : hold([...held.keys, ...keys.slice(end)]);
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
