/**
 * Identities as text: equal for equal ones, different for all others. An identity is what `authenticate`
 * returns, so only plain JSON data can be told apart; everything else is refused when a session opens.
 */
import { TidemarkError } from "../std/errors.ts";
import { FIXED_LIMITS } from "./limits.ts";
import type { Identity } from "./policies.ts";

/**
 * JSON with sorted fields, however the identity was put together.
 * @throws TidemarkError `BAD_IDENTITY` for what has parts that JSON does not show
 */
export function identityText(identity: Identity): string {
  return JSON.stringify(plain(identity, 0)) ?? "undefined";
}

function plain(value: unknown, depth: number): unknown {
  if (
    value === null ||
    value === undefined ||
    typeof value === "boolean" ||
    typeof value === "string"
  )
    return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (depth >= FIXED_LIMITS.identityDepthMax)
    throw unhashable(`nests more than ${FIXED_LIMITS.identityDepthMax} levels, or contains itself`);
  if (Array.isArray(value)) {
    if (value.includes(undefined)) throw unhashable("contains undefined in a list");
    return value.map((item) => plain(item, depth + 1));
  }
  if (!isPlainObject(value)) throw unhashable(`contains ${nameOf(value)}`);
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(
    fields
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, inner]) => [name, plain(inner, depth + 1)]),
  );
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null || Object.getOwnPropertySymbols(value).length > 0)
    return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    prototype === null ||
    prototype === Object.prototype ||
    Object.getPrototypeOf(prototype) === null
  );
}

function nameOf(value: unknown): string {
  if (typeof value === "object" && value !== null)
    return `an object of class ${value.constructor?.name ?? "?"}`;
  return typeof value === "number" ? String(value) : `a ${typeof value}`;
}

function unhashable(what: string): TidemarkError {
  return new TidemarkError(
    "BAD_IDENTITY",
    `An identity is plain JSON data, so that it can be told from others, and this one ${what}. Return { id, … } from authenticate.`,
  );
}
