/** JSON of other systems, whose numbers may have more digits than JavaScript's. */
import { canonicalDecimal } from "./decimal.ts";

const MAYBE_INEXACT = /[\d.]{16}|[eE]/;
const TEXT_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** As `JSON.parse`, but a number that JavaScript can't hold exactly becomes a text. */
export function parseExactJson(json: string): unknown {
  if (!MAYBE_INEXACT.test(json)) return JSON.parse(json);
  return JSON.parse(
    json.replace(TEXT_OR_NUMBER, (part) =>
      part.startsWith('"') || isExact(part) ? part : `"${part}"`,
    ),
  );
}

/** A decimal as a number, or as the text that it is where a number would not be exact. */
export function exactNumber(decimal: string): number | string {
  return isExact(decimal) ? Number(decimal) : decimal;
}

function isExact(decimal: string): boolean {
  const value = Number(decimal);
  return Number.isFinite(value) && canonicalDecimal(String(value)) === canonicalDecimal(decimal);
}
