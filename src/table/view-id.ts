/**
 * A view's identity: a hash of channel declaration, query and policy. Equal questions under
 * equal rights share one view; whatever differs in either can never share a frame.
 */
import { createHash } from "node:crypto";
import type { Query, Where } from "../protocol/query.ts";
import type { ChannelDeclaration } from "./channel.ts";

/** The channel's name for a bare channel without a policy, else 26 characters of a hash. */
export function viewIdOf(channel: ChannelDeclaration, query: Query, policy: Where | undefined): string {
  if (isBare(query) && policy === undefined) return channel.name;
  const { name, key, columns } = channel;
  const { where, order_by, limit, columns: selected } = query;
  const identity = JSON.stringify([
    [name, key, columns.map((column) => [column.name, column.type])],
    [where ?? null, order_by ?? null, limit ?? null, selected ?? null],
    policy ?? null,
  ]);
  return `v_${createHash("sha256").update(identity).digest("base64url").slice(0, 24)}`;
}

export function isBare({ where, order_by, limit, columns }: Query): boolean {
  return where === undefined && order_by === undefined && limit === undefined && columns === undefined;
}
