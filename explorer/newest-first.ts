/** The order of a table that no one has sorted: its newest rows first, where it says when. */
import type { Column, OrderBy } from "../src/client/index.ts";

const CREATION_TIME =
  /^(created|inserted|occurred|recorded|received|logged|placed|event|happened)?(_?(at|on|time|date))?$/i;
const TIME_NAME = /^(ts|timestamp|time|created|inserted)$/i;

/**
 * By a time in the key, else by a key that counts up, else by the time of creation; undefined for a
 * table without any of them. The time of the last change is none of them: rows would jump.
 */
export function newestFirst({
  columns,
  key,
}: {
  readonly columns: readonly Column[];
  readonly key: readonly string[];
}): OrderBy | undefined {
  const ofKey = columns.filter(({ name }) => key.includes(name));
  const found =
    ofKey.find(isTime) ??
    (ofKey.length === 1 ? ofKey.find(isSerial) : undefined) ??
    columns.find((column) => isTime(column) && isCreation(column.name));
  return found === undefined ? undefined : { column: found.name, direction: "desc" };
}

function isTime({ type }: Column): boolean {
  return type === "timestamp" || type === "date";
}

function isSerial({ type }: Column): boolean {
  return type === "integer" || type === "bigint";
}

function isCreation(name: string): boolean {
  return CREATION_TIME.test(name) || TIME_NAME.test(name);
}
