/** Collects rows of the feed's channels for one commit. */
import type { ChannelChange, KeyedRow } from "tidemark";
import type { FeedChannelName, Level, Quote, Trade } from "../channels.ts";

export class FeedCommit {
  readonly #rows = {
    trades: new Map<string, KeyedRow | undefined>(),
    quotes: new Map<string, KeyedRow | undefined>(),
    depth: new Map<string, KeyedRow | undefined>(),
  };

  /** Changed rows so far. */
  get size(): number {
    return Object.values(this.#rows).reduce((sum, { size }) => sum + size, 0);
  }

  trade(trade: Trade): void {
    const key = JSON.stringify([trade.symbol, String(trade.id)]);
    this.#rows.trades.set(key, { key, row: { ...trade } });
  }

  quote(quote: Quote): void {
    this.#rows.quotes.set(quote.symbol, { key: quote.symbol, row: { ...quote } });
  }

  /** Without a quantity the level is gone. */
  level(level: Omit<Level, "quantity">, quantity: string | undefined): void {
    const { symbol, side, price } = level;
    const key = JSON.stringify([symbol, side, price]);
    const row = quantity === undefined ? undefined : { symbol, side, price, quantity };
    this.#rows.depth.set(key, row && { key, row });
  }

  /** The changes since the last call. Those of `reloads` are the whole content of their channel. */
  take(reloads: readonly FeedChannelName[] = []): readonly ChannelChange[] {
    return (Object.keys(this.#rows) as FeedChannelName[]).flatMap((channel) => {
      const rows = this.#rows[channel];
      const isReload = reloads.includes(channel);
      if (rows.size === 0 && !isReload) return [];
      const upserts = [...rows.values()].filter((row) => row !== undefined);
      const removes = isReload ? [] : [...rows].flatMap(([key, row]) => (row ? [] : [key]));
      rows.clear();
      return [{ channel, upserts, removes, ...(isReload && { reload: true as const }) }];
    });
  }
}
