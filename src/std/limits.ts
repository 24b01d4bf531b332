/**
 * Limits that users set: their values replace the defaults, and are checked once at start. A
 * misspelt name, a value that is no number, and two limits that contradict each other stop the
 * start with an error that names them.
 */
import { TidemarkError } from "./errors.ts";

/** A limit that must not exceed another; or a number on either side. */
export type LimitRelation<L> = readonly [
  smaller: (keyof L & string) | number,
  larger: (keyof L & string) | number,
];

/** Relations for limits that must not be 0, since work would stop or a loop would not end. */
export function atLeast<L>(min: number, ...names: (keyof L & string)[]): LimitRelation<L>[] {
  return names.map((name) => [min, name] as const);
}

/**
 * `group` is the path of the limits for users, such as `limits.server`. @throws TidemarkError
 * `BAD_OPTION`
 */
export function limitsOf<L extends { readonly [K in keyof L]: number }>(
  group: string,
  defaults: L,
  given: Partial<L> = {},
  relations: readonly LimitRelation<L>[] = [],
): L {
  const limits = { ...defaults };
  for (const [name, value] of Object.entries<unknown>(given)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(defaults, name))
      throw new TidemarkError("BAD_OPTION", `There is no limit ${group}.${name}.`);
    if (typeof value !== "number" || !(value >= 0))
      throw new TidemarkError(
        "BAD_OPTION",
        `${group}.${name} is ${String(value)}. It must be a number of at least 0.`,
      );
    Object.assign(limits, { [name]: value });
  }
  for (const [smaller, larger] of relations) {
    const min = typeof smaller === "number" ? smaller : limits[smaller];
    const max = typeof larger === "number" ? larger : limits[larger];
    if (min <= max) continue;
    const other = typeof larger === "number" ? String(max) : `${group}.${larger} (${max})`;
    throw new TidemarkError(
      "BAD_OPTION",
      typeof smaller === "number"
        ? `${group}.${larger} is ${max}. It must be at least ${min}.`
        : `${group}.${smaller} (${min}) must not exceed ${other}.`,
    );
  }
  return limits;
}
