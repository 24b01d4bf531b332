/** What a chart has to draw anew. */
/**
 * What has changed at the newest end, oldest first; undefined where other rows have come, gone or
 * changed. Rows are the same objects until they change.
 */
export function newestChanges<R extends { readonly bucket: string }>(
  before: readonly R[],
  rows: readonly R[],
): readonly R[] | undefined {
  const newestBefore = before[0];
  if (newestBefore === undefined) return undefined;
  const place = rows.findIndex(({ bucket }) => bucket <= newestBefore.bucket);
  if (place < 0 || rows[place]?.bucket !== newestBefore.bucket) return undefined;
  const isSameRest =
    rows.length - place <= before.length &&
    rows.slice(place + 1).every((row, index) => row === before[index + 1]);
  if (!isSameRest) return undefined;
  const from = rows[place] === newestBefore ? place - 1 : place;
  return rows.slice(0, from + 1).toReversed();
}
