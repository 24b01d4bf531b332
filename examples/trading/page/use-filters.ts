/** A widget's filter texts as a `where`, beside the condition that the widget has itself. */
import { useMemo } from "react";
import type { RowOf, Where } from "tidemark/client";
import type { Channels } from "../channels.ts";
import { COLUMNS } from "../columns.ts";
import type { FilterTexts } from "../../ui/filter-bar.tsx";
import { whereOf } from "../../ui/filter-text.ts";

export type ChannelName = keyof typeof COLUMNS;
/** Candles of all widths have the same columns. */
type RowIn<N extends ChannelName> = N extends keyof Channels
  ? RowOf<Channels[N]>
  : RowOf<Channels["candles_1m"]>;
type WhereIn<N extends ChannelName> = Where<RowIn<N>>;

export interface Filters<N extends ChannelName> {
  readonly where: WhereIn<N> | undefined;
  /** What is wrong with filters that are not applied, by column. */
  readonly errors: FilterTexts;
}

export function useFilters<N extends ChannelName>(channel: N, filters: FilterTexts): Filters<N> {
  return useMemo(() => filtersOf(channel, filters), [channel, filters]);
}

export function filtersOf<N extends ChannelName>(channel: N, filters: FilterTexts): Filters<N> {
  const columns = Object.entries(COLUMNS[channel]).map(([name, type]) => ({ name, type }));
  const { where, errors } = whereOf(columns, filters);
  // It names the channel's columns only.
  return { where: where as WhereIn<N> | undefined, errors };
}

/** The rows that meet both conditions, where there is a second one. */
export function both<R>(first: Where<R>, second: Where<R> | undefined): Where<R> {
  return second === undefined ? first : ({ and: [first, second] } as Where<R>);
}
