/**
 * Makes the commits of the source: what its symbols have changed, which channels are live and why
 * others are not, how far trades are complete, and the as-of time.
 */
import type { ChannelChange, KeyedRow, SourceStatus, StatusChange } from "../../log/log.ts";
import type { SourceDraft } from "../source.ts";
import type { TradeEvent } from "./messages.ts";
import type { ChannelKind } from "./options.ts";
import { levelKey, levelRow, quoteRow, tradeRow } from "./rows.ts";
import type { BinanceMarketRow, OwnChannel, PartState } from "./rows.ts";
import type { SymbolMarket } from "./symbol-market.ts";

export interface DraftsOptions {
  readonly channels: readonly OwnChannel[];
  readonly markets: readonly SymbolMarket[];
  /** Trades in one commit. */
  readonly tradesMax: number;
  /** The interval of commits that hold only an as-of time. */
  readonly asOfMs: number;
  /** Why the feed of a channel is down; undefined where it is not. */
  readonly downReason: (kind: StreamedKind) => string | undefined;
  /** The time up to which all feeds are complete. */
  readonly throughMs: () => number | undefined;
}

export type StreamedKind = Exclude<ChannelKind, "markets">;

/** A status names so many symbols at most, and counts the others. */
const NAMED_SYMBOLS_MAX = 3;

export class Drafts {
  readonly #options: DraftsOptions;
  readonly #kinds: readonly StreamedKind[];
  #waiting: TradeEvent[] = [];
  /** The last status of each channel. */
  readonly #statuses = new Map<string, string>();
  /** The last row of each symbol in `markets`. */
  readonly #marketRows = new Map<string, string>();
  #sourcePosition: string | undefined;
  #asOfMs = 0;
  #isFirst = true;

  constructor(options: DraftsOptions) {
    this.#options = options;
    this.#kinds = options.channels.flatMap(({ kind }) => (kind === "markets" ? [] : [kind]));
  }

  /** Trades that have not been taken. */
  get waitingTrades(): number {
    return this.#waiting.length;
  }

  addTrades(trades: readonly TradeEvent[]): void {
    this.#waiting.push(...trades);
  }

  /** Whether every channel is complete. */
  get isComplete(): boolean {
    return this.#kinds.every((kind) => this.#statusOf(kind).status === "live");
  }

  /** What has changed since the last call; undefined where nothing has. */
  take(): SourceDraft | undefined {
    const trades = this.#waiting.splice(0, this.#options.tradesMax);
    const changes = this.#options.channels.flatMap((channel) => this.#changeOf(channel, trades));
    const status = this.#takeStatus();
    const sourcePosition = this.#takePosition();
    const asOfMs = this.#takeAsOf(changes.length === 0 && status.length === 0);
    this.#isFirst = false;
    if (
      changes.length === 0 &&
      status.length === 0 &&
      sourcePosition === undefined &&
      asOfMs === undefined
    )
      return undefined;
    return {
      changes,
      ...(status.length > 0 && { status }),
      ...(sourcePosition !== undefined && { sourcePosition }),
      ...(asOfMs !== undefined && { asOfMs }),
    };
  }

  #changeOf(
    { kind, declaration }: OwnChannel,
    trades: readonly TradeEvent[],
  ): readonly ChannelChange[] {
    const upserts: KeyedRow[] = [];
    const removes: string[] = [];
    for (const market of this.#options.markets) {
      if (kind === "quotes") {
        const quote = market.takeQuote();
        if (quote !== undefined) upserts.push(quoteRow(market.symbol, quote));
      } else if (kind === "depth")
        for (const change of market.takeLevels())
          if (change.quantity === undefined) removes.push(levelKey(market.symbol, change));
          else upserts.push(levelRow(market.symbol, change, change.quantity));
      else if (kind === "markets") upserts.push(...this.#takeMarketRow(market));
    }
    if (kind === "trades") upserts.push(...trades.map(tradeRow));
    // Only trades outlive the process: the rest may be of another time, or of other symbols.
    const isReload = this.#isFirst && kind !== "trades";
    if (upserts.length === 0 && removes.length === 0 && !isReload) return [];
    const change = { channel: declaration.name, upserts, removes };
    return [isReload ? { ...change, reload: true } : change];
  }

  #reasonOf(kind: StreamedKind, market: SymbolMarket): string | undefined {
    switch (kind) {
      case "trades":
        return market.tradesReason;
      case "quotes":
        return market.quoteReason;
      case "depth":
        return market.depthReason;
    }
  }

  #statusOf(kind: StreamedKind): SourceStatus {
    const down = this.#options.downReason(kind);
    if (down !== undefined) return { status: "stale", reason: down };
    const reasons = this.#options.markets.flatMap((market) => {
      const reason = this.#reasonOf(kind, market);
      return reason === undefined ? [] : [`${market.symbol}: ${reason}`];
    });
    if (reasons.length === 0) return { status: "live" };
    const named = reasons.slice(0, NAMED_SYMBOLS_MAX).join("; ");
    const others = reasons.length - NAMED_SYMBOLS_MAX;
    return {
      status: "catching_up",
      reason: others > 0 ? `${named}; and ${others} other symbols` : named,
    };
  }

  #takeStatus(): readonly StatusChange[] {
    return this.#options.channels.flatMap(({ kind, declaration: { name } }) => {
      const status: SourceStatus = kind === "markets" ? { status: "live" } : this.#statusOf(kind);
      const text = JSON.stringify(status);
      if (this.#statuses.get(name) === text) return [];
      this.#statuses.set(name, text);
      return [{ channels: [name], status }];
    });
  }

  #takeMarketRow(market: SymbolMarket): readonly KeyedRow[] {
    const reasons: string[] = [];
    const stateOf = (kind: StreamedKind): PartState | null => {
      if (!this.#kinds.includes(kind)) return null;
      const down = this.#options.downReason(kind);
      const reason = down ?? this.#reasonOf(kind, market);
      if (reason !== undefined) reasons.push(`${kind}: ${reason}`);
      return down !== undefined ? "stale" : reason !== undefined ? "catching_up" : "live";
    };
    const [trades, quotes, depth] = [stateOf("trades"), stateOf("quotes"), stateOf("depth")];
    const { count, last } = market.missingTrades;
    const row = {
      symbol: market.symbol,
      trades,
      quotes,
      depth,
      reason: reasons.length === 0 ? null : reasons.join("; "),
      depth_snapshots: market.snapshotCount,
      missing_trades: count,
      missing_ids: last === undefined ? null : `${last.from} ${last.to}`,
    } satisfies BinanceMarketRow;
    const text = JSON.stringify(row);
    if (this.#marketRows.get(market.symbol) === text) return [];
    this.#marketRows.set(market.symbol, text);
    return [{ key: market.symbol, row }];
  }

  /**
   * By symbol, the last trade up to which all are in the log with this commit, or counted as
   * missing.
   */
  #takePosition(): string | undefined {
    if (!this.#kinds.includes("trades")) return undefined;
    const waitingFrom = new Map<string, number>();
    for (const { symbol, id } of this.#waiting)
      waitingFrom.set(symbol, Math.min(id, waitingFrom.get(symbol) ?? id));
    const completeTo = this.#options.markets.flatMap((market) => {
      const { symbol, tradesCompleteTo } = market;
      const before = (waitingFrom.get(symbol) ?? Number.POSITIVE_INFINITY) - 1;
      return tradesCompleteTo === undefined ? [] : [[symbol, Math.min(tradesCompleteTo, before)]];
    });
    if (completeTo.length === 0) return undefined;
    const sourcePosition = JSON.stringify(Object.fromEntries(completeTo));
    if (sourcePosition === this.#sourcePosition) return undefined;
    this.#sourcePosition = sourcePosition;
    return sourcePosition;
  }

  #takeAsOf(isAlone: boolean): number | undefined {
    if (this.#waiting.length > 0 || !this.isComplete) return undefined;
    const throughMs = this.#options.throughMs();
    if (throughMs === undefined || throughMs <= this.#asOfMs) return undefined;
    if (isAlone && throughMs - this.#asOfMs < this.#options.asOfMs) return undefined;
    this.#asOfMs = throughMs;
    return throughMs;
  }
}

/** The last trade of each symbol in a source position; none where it is not one of ours. */
export function tradesIn(sourcePosition: string | undefined): ReadonlyMap<string, number> {
  if (sourcePosition === undefined) return new Map();
  let position: unknown;
  try {
    position = JSON.parse(sourcePosition);
  } catch {
    return new Map();
  }
  if (typeof position !== "object" || position === null) return new Map();
  return new Map(
    Object.entries(position).filter(
      (entry): entry is [string, number] => Number.isSafeInteger(entry[1]) && entry[1] >= 0,
    ),
  );
}
