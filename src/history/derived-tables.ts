/**
 * Derived tables at a start: their declarations, their stored rows, and what rows that their
 * sources no longer hold still count for, counted anew from the store.
 */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import type { ChannelCheckpoint } from "../table/checkpoint.ts";
import type { Computation, Derivation } from "../table/derivation.ts";
import type { HistoryStore } from "./history.ts";

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

/** In one pass over the stored rows. */
async function count(
  computations: readonly Computation[],
  { declaration: channel, present, store, seq: asOf }: Counted,
): Promise<void> {
  for await (const rows of store.scan({ channel, asOf }))
    for (const { key, json } of rows) {
      if (present.has(key)) continue;
      const row = JSON.parse(json) as Row;
      for (const computation of computations) computation.settle({ key, row });
    }
}
