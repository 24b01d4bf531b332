/**
 * Timestamps as ISO 8601 strings in UTC, as Postgres's to_json writes them in a UTC session:
 * `2026-01-31T12:00:00.123456+00:00`, also without zone, as a date, with years past 9999,
 * with a BC suffix, and the two infinities.
 */

const ISO =
  /^(\d{4,6})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s*(Z|[+-]\d{2}(?::?\d{2})?)?( BC)?$/;

const YEAR = /^\d{4}/;

/**
 * Negative, zero or positive. Total: values without a year are no timestamps, and sort as text
 * after those that are.
 */
export function compareTimestamps(left: string, right: string): number {
  if (left === right) return 0;
  const [isLeftPlain, isRightPlain] = [isPlain(left), isPlain(right)];
  if (isLeftPlain && isRightPlain) {
    const a = withoutZone(left);
    const b = withoutZone(right);
    return a < b ? -1 : a > b ? 1 : 0;
  }
  const [leftYear, rightYear] = [yearOf(left), yearOf(right)];
  if (leftYear !== rightYear) return leftYear - rightYear;
  if (isLeftPlain !== isRightPlain) return isLeftPlain ? -1 : 1;
  return left < right ? -1 : 1;
}

/**
 * The same instant in UTC without `+00:00`, its fraction without trailing zeros; undefined when
 * the text is no timestamp.
 */
export function canonicalTimestamp(text: string): string | undefined {
  if (text === "infinity" || text === "-infinity") return text;
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [
    ,
    year = "",
    month = "",
    day = "",
    hour = "00",
    minute = "00",
    second = "00",
    fraction = "",
    zone,
    era = "",
  ] = match;
  const instant = Date.UTC(
    2000,
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const date = new Date(instant);
  // 400 years repeat the calendar, so any year shifts into the range that Date keeps exactly.
  date.setUTCFullYear(2000 + (Number(year) % 400), Number(month) - 1, Number(day));
  const isReal =
    date.getUTCDate() === Number(day) &&
    date.getUTCMonth() === Number(month) - 1 &&
    Number(hour) < 24 &&
    Number(minute) < 60;
  if (!isReal) return undefined;
  const baseYear = date.getUTCFullYear();
  date.setTime(date.getTime() - zoneMinutes(zone) * 60_000);
  const shiftedYear = Number(year) + (date.getUTCFullYear() - baseYear);
  const digits = fraction.replace(/0+$/, "");
  return `${String(shiftedYear).padStart(4, "0")}${date.toISOString().slice(4, 19)}${digits === "" ? "" : `.${digits}`}${era}`;
}

function zoneMinutes(zone: string | undefined): number {
  if (zone === undefined || zone === "Z") return 0;
  const sign = zone.startsWith("-") ? -1 : 1;
  const digits = zone.slice(1).replace(":", "");
  return sign * (Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2) || 0));
}

/**
 * Four-digit year, and ends in a digit or Z: such strings sort correctly as text once the zone is
 * removed.
 */
function isPlain(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return (
    text.charCodeAt(4) === 45 && ((last >= 48 && last <= 57) || last === 90) && YEAR.test(text)
  );
}

/**
 * Removes the zone and a fraction's trailing zeros; a bare date becomes its midnight, to compare
 * with full timestamps.
 */
function withoutZone(text: string): string {
  let plain = text.endsWith("+00:00")
    ? text.slice(0, -6)
    : text.endsWith("Z")
      ? text.slice(0, -1)
      : text;
  if (plain.length > 19 && plain.endsWith("0")) plain = plain.replace(/\.?0+$/, "");
  return plain.length === 10 ? `${plain}T00:00:00` : plain;
}

/**
 * What `compareTimestamps` compares: the year, then texts in `plain` form, then others, both by
 * code unit.
 */
export function timestampClass(text: string): {
  readonly year: number;
  /** Undefined for a text that does not sort as text among those of its year. */
  readonly plain: string | undefined;
} {
  return { year: yearOf(text), plain: isPlain(text) ? withoutZone(text) : undefined };
}

/** Above all other years for a text that is no timestamp. */
function yearOf(text: string): number {
  if (text === "infinity") return Number.MAX_SAFE_INTEGER - 1;
  if (text === "-infinity") return Number.MIN_SAFE_INTEGER;
  const year = /^(\d{4,6})-/.exec(text)?.[1];
  if (year === undefined) return Number.MAX_SAFE_INTEGER;
  return text.endsWith(" BC") ? -Number(year) : Number(year);
}
