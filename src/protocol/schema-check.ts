/**
 * Checks untrusted values against schemas: a valid value is returned typed; an invalid one is an
 * error with its path and an explanation.
 */
import * as v from "valibot";
import { TidemarkError, type ErrorCode } from "../std/errors.ts";
import type { Schema } from "./schema.ts";

/** Characters of a name in a path that are shown. */
const NAME_LENGTH_MAX = 50;
const SUBJECTS = { BAD_MESSAGE: "Bad message", BAD_QUERY: "Bad query" } as const;
const FIRST_ONLY = { abortEarly: true, abortPipeEarly: true } as const;

/**
 * `at` is the value's path in the client's frame.
 * @throws TidemarkError with the code, and the path of what is wrong
 */
export function checked<T>(
  schema: Schema<T>,
  value: unknown,
  code: ErrorCode & keyof typeof SUBJECTS,
  at = "",
): T {
  const result = v.safeParse(schema, value, FIRST_ONLY);
  if (result.success) return result.output;
  throw new TidemarkError(code, `${SUBJECTS[code]}: ${inWords(result.issues[0], at)}.`);
}

/** The value's first error, as a path and an explanation; undefined where the value is valid. */
export function faultOf(schema: Schema<unknown>, value: unknown): string | undefined {
  const result = v.safeParse(schema, value, FIRST_ONLY);
  return result.success ? undefined : inWords(result.issues[0], "");
}

function inWords({ path, message }: v.BaseIssue<unknown>, at: string): string {
  const where = (path ?? []).reduce((before, { key }) => before + step(key, before), at);
  return where === "" ? message : `${where}: ${message}`;
}

function step(key: unknown, before: string): string {
  if (typeof key === "number") return `[${key}]`;
  const name = String(key).slice(0, NAME_LENGTH_MAX);
  if (!/^\w+$/.test(name)) return `[${JSON.stringify(name)}]`;
  return before === "" ? name : `.${name}`;
}
