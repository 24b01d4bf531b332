/** `columns` as an encoding: the same membership, fewer fields. */
import { TidemarkError } from "../std/errors.ts";
import type { WireQuery } from "../protocol/query.ts";
import { OMITTED, type JsonValue } from "../protocol/row.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { Project } from "./membership.ts";

/**
 * Undefined for a query that sends whole rows. @throws TidemarkError `BAD_QUERY` for a column that
 * the channel does not have
 */
export function compileProjection(
  channel: ChannelDeclaration,
  query: WireQuery,
): Project | undefined {
  const names = projectedColumns(channel, query);
  if (names === undefined) return undefined;
  // `$omitted` is sent whatever columns the query names.
  const shown = [...names, OMITTED];
  // Uses `defineProperty` instead of an assignment, since a column may be named `__proto__`.
  return (row) =>
    JSON.stringify(
      Object.fromEntries(
        shown
          .filter((name) => Object.hasOwn(row, name))
          .map((name) => [name, row[name] as JsonValue]),
      ),
    );
}

/**
 * The columns sent, key and `order_by` included, or undefined for all: then a view shares the rows'
 * own texts.
 */
export function projectedColumns(
  channel: ChannelDeclaration,
  query: WireQuery,
): readonly string[] | undefined {
  if (query.columns === undefined) return undefined;
  const wanted = new Set([
    ...channel.key,
    ...query.columns,
    ...(query.order_by ?? []).map(({ column }) => column),
  ]);
  if (channel.columns.length === 0) return [...wanted];
  const known = channel.columns.map(({ name }) => name);
  for (const name of wanted) {
    if (!known.includes(name)) {
      throw new TidemarkError(
        "BAD_QUERY",
        `Bad query: there is no column "${name}"; the channel has ${known.join(", ")}.`,
      );
    }
  }
  const names = known.filter((name) => wanted.has(name));
  return names.length === known.length ? undefined : names;
}
