/** Formats values for the screen: numbers with separators, times as ages. */

const integers = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export function formatCount(value: number): string {
  return integers.format(value);
}

export function formatCompact(value: number): string {
  return value < 10_000 ? integers.format(value) : compact.format(value);
}

export function formatRate(value: number): string {
  return value >= 100 ? integers.format(value) : value.toFixed(1);
}

export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function formatMs(ms: number | undefined): string {
  if (ms === undefined) return "–";
  if (ms < 1) return "< 1 ms";
  return ms < 10
    ? `${ms.toFixed(1)} ms`
    : ms < 10_000
      ? `${Math.round(ms)} ms`
      : `${(ms / 1_000).toFixed(1)} s`;
}

/**
 * A page reads its clock once a second, and clocks of servers differ: a time that is ahead by less
 * than this is not told as the future.
 */
const AHEAD_MS_MAX = 10_000;

/** `now`, `12 s ago`, `3 min ago`, `in 4 h`, … */
export function formatAge(ageMs: number): string {
  const seconds = Math.round(Math.abs(ageMs) / 1_000);
  if (seconds < 1 || (ageMs < 0 && ageMs > -AHEAD_MS_MAX)) return "now";
  const text = formatSpan(seconds);
  return ageMs >= 0 ? `${text} ago` : `in ${text}`;
}

function formatSpan(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${formatCount(Math.floor(seconds / 86_400))} d`;
}

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** `12:03:05`, in the reader's time zone. */
export function formatClock(unixMs: number): string {
  return clock.format(unixMs);
}

/** Adds thousands separators to a decimal string of any length. */
export function groupDigits(text: string): string {
  const match = /^(-?)(\d+)(\.\d+)?$/.exec(text);
  if (match === null) return text;
  const [, sign = "", whole = "", fraction = ""] = match;
  return `${sign}${whole.replace(/\B(?=(\d{3})+$)/g, ",")}${fraction}`;
}
