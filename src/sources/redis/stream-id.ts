/** Ids of stream entries: `<milliseconds>-<count>`, each part up to 64 bits. */

/** Negative, zero or positive. */
export function compareIds(left: string, right: string): number {
  const [leftMs = "", leftCount = ""] = left.split("-");
  const [rightMs = "", rightCount = ""] = right.split("-");
  return compareDigits(leftMs, rightMs) || compareDigits(leftCount, rightCount);
}

function compareDigits(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The later one. */
export function laterId(left: string | undefined, right: string): string {
  return left !== undefined && compareIds(left, right) > 0 ? left : right;
}
