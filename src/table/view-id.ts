/**
 * A view's identity: hashes of query, channel declaration and policy. Equal queries under
 * equal rights share one view; views that differ in any of these never share a frame.
 */
import { createHmac } from "node:crypto";
import type { WireQuery, WireWhere } from "../protocol/query.ts";
import type { ChannelDeclaration } from "../log/channel.ts";

export interface ViewNaming {
  /**
   * A secret that all nodes of a deployment share: clients can't compute the id of a query and a
   * policy.
   */
  readonly secret: string;
  /** The node, for the node's own table: that table's seqs mean nothing on another node. */
  readonly node: string | undefined;
}

/**
 * The channel's name for a bare channel without a policy, else `v_query.declaration[.policy]`. A
 * node's own table never has its bare name as id: its seqs mean nothing on another node.
 */
export function viewIdOf(
  channel: ChannelDeclaration,
  query: WireQuery,
  policy: WireWhere | undefined,
  { secret, node }: ViewNaming,
): string {
  if (isBare(query) && policy === undefined && node === undefined) return channel.name;
  const { name, key, columns, derivation } = channel;
  const declaration = hashOf(
    [
      name,
      key,
      columns.map((column) => [column.name, column.type]),
      ...(node === undefined ? [] : [node]),
      ...(derivation === undefined ? [] : [derivation]),
    ],
    secret,
    8,
  );
  return `v_${queryHash(query, secret)}.${declaration}${policy === undefined ? "" : `.${hashOf(policy, secret, 22)}`}`;
}

export function isBare({ channel: _channel, ...query }: WireQuery): boolean {
  return Object.values(query).every((part) => part === undefined);
}

/** Why the view with the id `former` differs from the present view. */
export function differenceOf(
  former: string,
  present: string,
  channel: string,
  { secret }: ViewNaming,
): "view" | "policy" | "declaration" {
  const [before, after] = [partsOf(former, channel, secret), partsOf(present, channel, secret)];
  if (before === undefined || before.query !== after?.query) return "view";
  // The name of a bare channel holds no hash of its declaration.
  if (
    before.declaration !== undefined &&
    after.declaration !== undefined &&
    before.declaration !== after.declaration
  )
    return "declaration";
  return "policy";
}

function partsOf(
  id: string,
  channel: string,
  secret: string,
): { query: string; declaration: string | undefined } | undefined {
  if (id === channel) return { query: queryHash({ channel }, secret), declaration: undefined };
  const [, query, declaration] = /^v_([\w-]+)\.([\w-]+)/.exec(id) ?? [];
  return query === undefined ? undefined : { query, declaration };
}

function queryHash(
  { where, order_by, limit, columns, history }: WireQuery,
  secret: string,
): string {
  const parts = [where ?? null, order_by ?? null, limit ?? null, columns ?? null];
  return hashOf(history === true ? [...parts, history] : parts, secret, 22);
}

function hashOf(value: unknown, secret: string, length: number): string {
  return createHmac("sha256", secret)
    .update(JSON.stringify(value))
    .digest("base64url")
    .slice(0, length);
}
