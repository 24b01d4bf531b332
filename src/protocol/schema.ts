/**
 * The parts that message schemas are made of. Each part has a message that follows a path:
 * "subscriptions[2].cursor.seq: must be a whole number of at least 0". A schema of this file takes
 * untrusted JSON; it reads own properties alone, so names such as `__proto__` are plain data.
 */
import * as v from "valibot";
import { PROTOCOL_LIMITS } from "./limits.ts";
import type { JsonValue, Row } from "./row.ts";

export type Schema<T> = v.GenericSchema<unknown, T>;
type Entries = v.ObjectEntries;
type Fields<E extends Entries> = Readonly<v.InferOutput<v.ObjectSchema<E, undefined>>>;

/** A schema of one check. `is` names the check where a schema is printed. */
export function custom<T>(
  is: string,
  check: (input: unknown) => boolean,
  message: string | ((input: unknown) => string),
): Schema<T> {
  const said =
    typeof message === "string"
      ? message
      : (issue: { readonly input: unknown }): string => message(issue.input);
  return Object.assign(v.custom<T>(check, said), { is });
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const record = custom<object>("object", isRecord, "must be a JSON object");

/**
 * A JSON object. A field that is null counts as absent, unless its schema takes null. Fields that
 * the schema does not have are left out.
 */
export function fields<const E extends Entries>(entries: E): Schema<Fields<E>> {
  const known = Object.entries(entries).map(([name, schema]) => ({
    name,
    takesNull: takesNull(schema),
    tolerated: isTolerant(schema) ? schema : undefined,
  }));
  const present = (input: object): object => {
    const values: Record<string, unknown> = {};
    for (const { name, takesNull: mayBeNull, tolerated } of known) {
      if (!Object.hasOwn(input, name)) continue;
      const value = (input as Record<string, unknown>)[name];
      if (value === undefined || (value === null && !mayBeNull)) continue;
      if (tolerated === undefined || v.is(tolerated, value)) values[name] = value;
    }
    return values;
  };
  const checked = v.pipe(
    record,
    v.transform(present),
    v.object(entries, (issue) =>
      issue.path === undefined ? "must be a JSON object" : "is missing",
    ) as never,
  );
  return Object.assign(checked, { entries }) as unknown as Schema<Fields<E>>;
}

/** `fields` that refuses fields it does not have. `what` names the object in the message. */
export function closedFields<const E extends Entries>(what: string, entries: E): Schema<Fields<E>> {
  const names = new Set(Object.keys(entries));
  const unknownIn = (input: object): string | undefined =>
    Object.keys(input).find((name) => !names.has(name));
  const closed = custom<object>(
    "closed",
    (input) => !isRecord(input) || unknownIn(input) === undefined,
    (input) =>
      `${what} has no field ${JSON.stringify(unknownIn(input as object)?.slice(0, 50))}; it has ${[...names].join(", ")}`,
  );
  const checked = v.pipe(closed, fields(entries) as never);
  return Object.assign(checked, { is: "closed", entries }) as unknown as Schema<Fields<E>>;
}

export function optional<T>(schema: Schema<T>): v.ExactOptionalSchema<Schema<T>, undefined> {
  return v.exactOptional(schema);
}

/** A field that counts as absent where its value does not fit. */
export function tolerated<T>(schema: Schema<T>): v.ExactOptionalSchema<Schema<T>, undefined> {
  return Object.assign(v.exactOptional(schema), { isTolerant: true });
}

function isTolerant(schema: object): boolean {
  return "isTolerant" in schema;
}

function takesNull(schema: Entries[string]): boolean {
  const inner =
    schema.type === "exact_optional" && "wrapped" in schema
      ? (schema.wrapped as Entries[string])
      : schema;
  return inner.type === "nullable" || inner.type === "unknown";
}

/** A list of at most `max` items; the length is checked first. */
export function list<T>(
  item: Schema<T>,
  {
    min = 0,
    max,
    of = "items",
  }: { readonly min?: number; readonly max: number; readonly of?: string },
): Schema<readonly T[]> {
  const bounds = min === 0 ? `at most ${max}` : min === max ? `${max}` : `${min} to ${max}`;
  const bounded = custom<unknown[]>(
    `${bounds} of`,
    (input) => Array.isArray(input) && input.length >= min && input.length <= max,
    `must be a list of ${bounds} ${of}`,
  );
  return Object.assign(v.pipe(bounded, v.array(item)), { item }) as Schema<readonly T[]>;
}

/** A list of any length, as servers send them. */
export function longList<T>(item: Schema<T>): Schema<readonly T[]> {
  return v.array(item, "must be a list");
}

/** A text of at most `max` characters. */
export function text(max: number): Schema<string> {
  return custom<string>(
    `text of at most ${max}`,
    (input) => typeof input === "string" && input.length <= max,
    `must be a text of at most ${max} characters`,
  );
}

export const word = text(PROTOCOL_LIMITS.nameLengthMax);
/** A text that a server sends, without a bound. */
export const words: Schema<string> = v.string("must be a text");
export const flag: Schema<boolean> = v.boolean("must be true or false");
export const amount: Schema<number> = v.number("must be a number");
export const anything: Schema<unknown> = v.unknown();
export const json = anything as Schema<JsonValue>;

function isWhole(input: unknown, min: number): input is number {
  return typeof input === "number" && Number.isSafeInteger(input) && input >= min;
}

/** A commit's seq, or a count. */
export const count: Schema<number> = custom<number>(
  "whole number from 0",
  (input) => isWhole(input, 0),
  "must be a whole number of at least 0",
);
export const positive: Schema<number> = custom<number>(
  "whole number from 1",
  (input) => isWhole(input, 1),
  "must be a whole number of at least 1",
);
export const whole: Schema<number> = custom<number>(
  "whole number",
  (input) => isWhole(input, Number.MIN_SAFE_INTEGER),
  "must be a whole number",
);

export const row: Schema<Row> = custom<Row>("row", isRecord, "must be a row, as a JSON object");

export function only<const T extends string>(value: T): Schema<T> {
  return v.literal(value, `must be ${JSON.stringify(value)}`);
}

export function oneOf<const T extends readonly string[]>(values: T): Schema<T[number]> {
  return v.picklist(values, `must be one of ${values.join(", ")}`);
}

/** A map of names to values. Each name is plain data, also `__proto__`. */
export function named<T>(
  value: Schema<T>,
  max = Number.POSITIVE_INFINITY,
): Schema<Readonly<Record<string, T>>> {
  const bounded = custom<object>(
    `names, at most ${max}`,
    (input) => isRecord(input) && Object.keys(input).length <= max,
    max === Number.POSITIVE_INFINITY
      ? "must be a JSON object"
      : `must be a JSON object of at most ${max} names`,
  );
  const checked = v.pipe(
    bounded,
    v.rawTransform<object, Record<string, T>>(({ dataset, addIssue, NEVER }) => {
      const entries: [string, T][] = [];
      for (const [key, input] of Object.entries(dataset.value)) {
        const result = v.safeParse(value, input, { abortEarly: true });
        if (!result.success || key.length > PROTOCOL_LIMITS.nameLengthMax) {
          addIssue({
            message:
              result.issues?.[0]?.message ??
              `is a name of more than ${PROTOCOL_LIMITS.nameLengthMax} characters`,
            path: [
              { type: "object", origin: "value", input: dataset.value as never, key, value: input },
            ],
          });
          return NEVER;
        }
        entries.push([key, result.output]);
      }
      return Object.fromEntries(entries);
    }),
  );
  return Object.assign(checked, { value }) as unknown as Schema<Readonly<Record<string, T>>>;
}

export const LIST = { max: PROTOCOL_LIMITS.listMax } as const;
