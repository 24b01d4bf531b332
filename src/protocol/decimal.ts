/**
 * Decimal strings of any size, compared exactly, in Postgres's order: -Infinity, numbers, Infinity,
 * NaN. Texts that are no decimals compare as 0, so that all texts have one order.
 */

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;
const SPECIAL: Readonly<Record<string, number>> = { "-Infinity": -1, Infinity: 1, NaN: 2 };

/** Up to this length a decimal string is exact as a double, so the cheap comparison is right. */
const EXACT_LENGTH_MAX = 15;

/** Larger exponents than doubles have would only make short texts long. */
const EXPONENT_MAX = 400;

export function isDecimal(text: string): boolean {
  if (Object.hasOwn(SPECIAL, text)) return true;
  const match = DECIMAL.exec(text);
  return match !== null && /\d/.test(text) && Math.abs(Number(match[4] ?? 0)) <= EXPONENT_MAX;
}

export function compareDecimals(left: string, right: string): number {
  if (left === right) return 0;
  if (isShortDecimal(left) && isShortDecimal(right)) {
    const difference = Number(left) - Number(right);
    // Tiny numbers may be one double.
    if (difference !== 0 && !Number.isNaN(difference)) return difference;
  }
  const leftRank = rankOf(left);
  const rightRank = rankOf(right);
  if (leftRank !== 0 || rightRank !== 0) return leftRank - rightRank;
  return compareParts(partsOf(left), partsOf(right));
}

/** Not a text that only JavaScript reads as a number, such as `0x10` or one with spaces. */
function isShortDecimal(text: string): boolean {
  if (text.length > EXACT_LENGTH_MAX) return false;
  const first = text.charCodeAt(0);
  const last = text.charCodeAt(text.length - 1);
  return first >= 43 && first <= 57 && last >= 46 && last <= 57 && !(text.charCodeAt(1) > 57);
}

/** The shortest plain form: no sign on zero, no leading or trailing zeros, no exponent. */
export function canonicalDecimal(text: string): string {
  if (Object.hasOwn(SPECIAL, text)) return text;
  const { sign, whole, fraction } = partsOf(text);
  if (sign === 0) return "0";
  return `${sign < 0 ? "-" : ""}${whole === "" ? "0" : whole}${fraction === "" ? "" : `.${fraction}`}`;
}

function rankOf(text: string): number {
  return Object.hasOwn(SPECIAL, text) ? (SPECIAL[text] ?? 0) : 0;
}

interface Parts {
  readonly sign: -1 | 0 | 1;
  readonly whole: string;
  readonly fraction: string;
}

function partsOf(text: string): Parts {
  const match = DECIMAL.exec(text);
  if (match === null) return { sign: 0, whole: "", fraction: "" };
  let whole = match[2] ?? "";
  let fraction = match[3] ?? "";
  const exponent = Number(match[4] ?? 0);
  if (exponent > 0) {
    const padded = fraction.padEnd(exponent, "0");
    whole += padded.slice(0, exponent);
    fraction = padded.slice(exponent);
  } else if (exponent < 0) {
    const padded = whole.padStart(-exponent, "0");
    fraction = padded.slice(padded.length + exponent) + fraction;
    whole = padded.slice(0, padded.length + exponent);
  }
  whole = whole.replace(/^0+/, "");
  fraction = fraction.replace(/0+$/, "");
  if (whole === "" && fraction === "") return { sign: 0, whole, fraction };
  return { sign: match[1] === "-" ? -1 : 1, whole, fraction };
}

function compareParts(left: Parts, right: Parts): number {
  if (left.sign !== right.sign) return left.sign - right.sign;
  const magnitude =
    left.whole.length - right.whole.length ||
    (left.whole === right.whole
      ? compareDigits(left.fraction, right.fraction)
      : compareDigits(left.whole, right.whole));
  return left.sign * magnitude;
}

function compareDigits(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
