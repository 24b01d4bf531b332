/**
 * Derived tables at a start: their declarations, their stored rows, and what rows that their
 * sources no longer hold still count for, counted anew from the store.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { KeyedRow } from "../log/log.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import type { ChannelCheckpoint, Checkpoint } from "../table/checkpoint.ts";
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

/** By table: what stored rows count for, or why it could not be computed. */
export type SettledRows = Required<Pick<Checkpoint, "settled" | "unsettled">>;

/**
 * What the rows that are in the store, and not in the tables, have left. @throws what the store
 * throws
 */
export async function settledRows(
  derivations: readonly Derivation[],
  channels: readonly ChannelCheckpoint[],
  { store, seq }: { readonly store: HistoryStore; readonly seq: number },
): Promise<SettledRows> {
  const settled: (readonly [string, JsonValue])[] = [];
  const unsettled: (readonly [string, TidemarkError])[] = [];
  for (const { declaration, rows } of channels) {
    const counted = derivations.filter(
      ({ inputs, keepsEvicted }) => keepsEvicted && inputs[0] === declaration.name,
    );
    if (counted.length === 0 || declaration.history === undefined) continue;
    const counts = counted.map((derivation) => new Count(derivation, declaration));
    const present = new Set(rows.rows.map(({ key }) => key));
    for await (const some of storedRows(store, declaration, seq))
      for (const row of some) if (!present.has(row.key)) for (const each of counts) each.add(row);
    for (const { name, failure, left } of counts)
      if (failure !== undefined) unsettled.push([name, failure]);
      else if (left !== undefined) settled.push([name, left]);
  }
  return { settled, unsettled };
}

/** One table's computation over stored rows, which ends with the first row that it can't count. */
class Count {
  readonly name: string;
  readonly #computation: Computation;
  failure: TidemarkError | undefined;

  constructor(derivation: Derivation, source: ChannelDeclaration) {
    this.name = derivation.name;
    this.#computation = derivation.begin([source]);
  }

  add(row: KeyedRow): void {
    if (this.failure !== undefined) return;
    try {
      this.#computation.settle(row);
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.failure = error;
    }
  }

  get left(): JsonValue | undefined {
    return this.#computation.settled;
  }
}

/** All rows of a channel as of a seq, in one pass over the store. */
export async function* storedRows(
  store: HistoryStore,
  channel: ChannelDeclaration,
  asOf: number,
  signal?: AbortSignal,
): AsyncGenerator<readonly KeyedRow[]> {
  for await (const rows of store.scan({ channel, asOf }, signal))
    yield rows.map(({ key, json }) => ({ key, row: JSON.parse(json) as Row }));
}
