/** Where an axis has its labels, and what they say. */

const MINUTE_MS = 60_000;
const TIME_STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1_440].map(
  (minutes) => minutes * MINUTE_MS,
);

/** Round prices, at most `count` of them, ascending. */
export function priceTicks(low: number, high: number, count: number): readonly number[] {
  const least = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = ([1, 2, 5].find((factor) => factor * power >= least) ?? 10) * power;
  return multiples(low, high, step);
}

/** Round times of the reader's day, at most `count` of them, ascending. */
export function timeTicks(fromMs: number, toMs: number, count: number): readonly number[] {
  const least = (toMs - fromMs) / Math.max(1, count);
  const step = TIME_STEPS_MS.find((each) => each >= least) ?? 2_880 * MINUTE_MS;
  const offsetMs = new Date(fromMs).getTimezoneOffset() * MINUTE_MS;
  return multiples(fromMs - offsetMs, toMs - offsetMs, step).map((ms) => ms + offsetMs);
}

/** How many digits a price has behind its point where levels are `step` apart. */
export function digitsOf(step: number): number {
  return step > 0 ? Math.max(0, -Math.floor(Math.log10(step))) : 0;
}

export function priceText(price: number, digits: number): string {
  return price.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** `12:05`, in the reader's time zone. */
export function timeText(ms: number): string {
  return clock.format(ms);
}

const dollars = new Intl.NumberFormat("en-US", {
  notation: "compact",
  maximumSignificantDigits: 3,
});

/** `1.25M`; the unit stands beside it. */
export function amountText(usd: number): string {
  return dollars.format(usd);
}

function multiples(low: number, high: number, step: number): readonly number[] {
  const first = Math.ceil(low / step);
  const count = Math.max(0, Math.floor(high / step) - first + 1);
  return Array.from({ length: count }, (_, index) => (first + index) * step);
}
