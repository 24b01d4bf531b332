/**
 * Derived tables of the simulation, and what they should hold, recomputed slowly. It shares no code
 * with them.
 */
import { count, derived, min, sum } from "../src/derived/index.ts";
import type { ChannelDeclaration } from "../src/log/channel.ts";
import type { Row } from "../src/protocol/row.ts";
import { channel } from "../src/server/channel.ts";
import { derivationsOf } from "../src/server/derivations.ts";
import type { Derivation } from "../src/table/derivation.ts";

interface Trade {
  readonly id: string;
  readonly symbol: string;
  readonly price: number;
}

/** The log declares them; here they only have the types of their rows. */
const sources = {
  trades: channel<Trade>({ key: "id" }),
  events: channel<Trade>({ key: "id" }),
};
const columns = { price: sum("price"), rows: count(), low: min("price") } as const;
const definitions = {
  /** Rows leave `events` by age and number, and then count no longer. */
  recent: derived({
    from: { events: sources.events },
    over: "window",
    groupBy: { symbol: "symbol" },
    columns,
  }),
  /** Rows that leave `trades` by number still count. */
  traded: derived({
    from: { trades: sources.trades },
    over: "stream",
    groupBy: { symbol: "symbol" },
    columns,
  }),
};
export const DERIVED = Object.keys(definitions);

export function derivations(): readonly Derivation[] {
  return derivationsOf({ ...sources, ...definitions });
}

/** The declarations, as of those of their sources. */
export function declarationsFrom(
  known: (name: string) => ChannelDeclaration | undefined,
): readonly ChannelDeclaration[] {
  return derivations().flatMap((derivation) => {
    const inputs = derivation.inputs.map(known);
    return inputs.every((input) => input !== undefined) ? [derivation.declare(inputs)] : [];
  });
}

/** The source of a derived table, and whether rows that it evicts count on. */
export function sourceOf(name: string): { readonly from: string; readonly isStream: boolean } {
  return name === "traded"
    ? { from: "trades", isStream: true }
    : { from: "events", isStream: false };
}

/** By symbol. */
export function groupsOf(rows: readonly Row[]): ReadonlyMap<string, Row> {
  const groups = new Map<string, Row>();
  for (const symbol of new Set(rows.map((row) => String(row["symbol"])))) {
    const prices = rows.flatMap((row) => (row["symbol"] === symbol ? [Number(row["price"])] : []));
    groups.set(symbol, {
      symbol,
      price: prices.reduce((total, price) => total + price, 0),
      rows: prices.length,
      low: Math.min(...prices),
    });
  }
  return groups;
}
