/**
 * Identities as text: equal for equal identities, different for all others. This works only for
 * plain JSON data; when `authenticate` returns anything else, the session is refused.
 */
import { TidemarkError } from "../std/errors.ts";
import { FIXED_LIMITS } from "./limits.ts";
import type { Identity } from "./policies.ts";

/**
 * The identity as JSON, with its fields sorted.
 * @throws TidemarkError `BAD_IDENTITY` for an identity with values that JSON can't represent
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
    `An identity must be plain JSON data, so that identities can be compared, and this one ${what}. Return { id, … } from authenticate.`,
  );
}
