/**
 * Derived tables at a start: their declarations, their stored rows, and what rows that their
 * sources no longer hold still count for, counted anew from the store.
 */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import type { ChannelCheckpoint } from "../table/checkpoint.ts";
import type { Computation, Derivation } from "../table/derivation.ts";
import type { HistoryStore, PagePlace } from "./history.ts";
import { FIXED_HISTORY_LIMITS } from "./limits.ts";

/**
 * Those with history whose sources are known already. @throws TidemarkError `BAD_OPTION` for a
 * derived table that its sources can't give
 */
export function declaredTables(
  derivations: readonly Derivation[],
  known: readonly ChannelDeclaration[],
): readonly ChannelDeclaration[] {
  const channels = new Map(known.map((channel) => [channel.name, channel]));
  const declared: ChannelDeclaration[] = [];
  for (const derivation of derivations) {
    const inputs = derivation.inputs.map((name) => channels.get(name));
    if (!inputs.every((input) => input !== undefined)) continue;
    const channel = derivation.declare(inputs);
    channels.set(channel.name, channel);
    if (channel.history !== undefined) declared.push(channel);
  }
  return declared;
}

/**
 * What the rows that are in the store, and not in the tables, have left. @throws TidemarkError
 * `GROUPS_FULL`, and what the store throws
 */
export async function settledRows(
  derivations: readonly Derivation[],
  channels: readonly ChannelCheckpoint[],
  { store, seq }: { readonly store: HistoryStore; readonly seq: number },
): Promise<readonly (readonly [channel: string, settled: JsonValue])[]> {
  const settled: (readonly [string, JsonValue])[] = [];
  for (const { declaration, rows } of channels) {
    const counted = derivations.filter(
      ({ inputs, keepsEvicted }) => keepsEvicted && inputs[0] === declaration.name,
    );
    if (counted.length === 0 || declaration.history === undefined) continue;
    const computations = counted.map((derivation) => derivation.begin([declaration]));
    const present = new Set(rows.rows.map(({ key }) => key));
    await count(computations, { declaration, present, store, seq });
    for (const [index, { name }] of counted.entries()) {
      const left = computations[index]?.settled;
      if (left !== undefined) settled.push([name, left]);
    }
  }
  return settled;
}

interface Counted {
  readonly declaration: ChannelDeclaration;
  readonly present: ReadonlySet<string>;
  readonly store: HistoryStore;
  readonly seq: number;
}

/** Page by page, in the order of the keys. */
async function count(
  computations: readonly Computation[],
  { declaration: channel, present, store, seq }: Counted,
): Promise<void> {
  const limit = FIXED_HISTORY_LIMITS.comparedRowsMax;
  const query = { channel, where: undefined, orderBy: [], limit, asOf: seq };
  let after: PagePlace | undefined;
  for (let isLast = false; !isLast;) {
    const page = await store.page(after === undefined ? query : { ...query, after });
    for (const { key, json } of page.rows) {
      after = { key, row: {} };
      if (present.has(key)) continue;
      const row = JSON.parse(json) as Row;
      for (const computation of computations) computation.settle({ key, row });
    }
    isLast = page.isLast;
  }
}
