/** `columns` as an encoding: the same membership, fewer fields. */
import { TidemarkError } from "../std/errors.ts";
import type { Query } from "../protocol/query.ts";
import type { JsonValue } from "../protocol/row.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { Project } from "./membership.ts";

/** @throws TidemarkError `BAD_QUERY` for a column that the channel does not have */
export function compileProjection(channel: ChannelDeclaration, query: Query): Project {
  const names = projectedColumns(channel, query);
  if (names === undefined) return (node) => node.json;
  return ({ row }) => {
    const projected: Record<string, JsonValue> = {};
    for (const name of names) {
      if (Object.hasOwn(row, name)) projected[name] = row[name] as JsonValue;
    }
    return JSON.stringify(projected);
  };
}

/** The columns sent, key and `order_by` included, or undefined for all. */
export function projectedColumns(channel: ChannelDeclaration, query: Query): readonly string[] | undefined {
  if (query.columns === undefined) return undefined;
  const wanted = new Set([...channel.key, ...query.columns, ...(query.order_by ?? []).map(({ column }) => column)]);
  if (channel.columns.length === 0) return [...wanted];
  const known = channel.columns.map(({ name }) => name);
  for (const name of wanted) {
    if (!known.includes(name)) {
      throw new TidemarkError("BAD_QUERY", `Bad query: there is no column "${name}"; the channel has ${known.join(", ")}.`);
    }
  }
  return known.filter((name) => wanted.has(name));
}
