/**
 * One symbol: its book, its quote and its trades, and the requests that complete them after a
 * connection began or something was lost. It says why a part is not complete.
 */
import type { Clock } from "../../std/clock.ts";
import { messageOf } from "../../std/errors.ts";
import type { Random } from "../../std/random.ts";
import type { SourceLogger } from "../source.ts";
import { depthRequest, snapshotLevels, tradesRequest, TRADES_PER_ANSWER } from "./endpoints.ts";
import { parseSnapshot, parseTrades } from "./messages.ts";
import type { DepthSnapshot, StreamEvent, TradeEvent } from "./messages.ts";
import type { CheckedOptions } from "./options.ts";
import { type LevelChange, OrderBook } from "./order-book.ts";
import { RepeatedTask, type Outcome } from "./repeated-task.ts";
import { RestError, type RestClient } from "./rest-client.ts";
import type { Quote } from "./rows.ts";
import { type MissingTrades, TradeSequence } from "./trade-sequence.ts";

/** What the parts of all symbols share. */
export interface MarketHost {
  readonly options: CheckedOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: SourceLogger;
  readonly rest: RestClient;
  readonly onTrades: (trades: readonly TradeEvent[]) => void;
  /** Something else than trades has changed. */
  readonly onChange: () => void;
  /** A time of the exchange's clock. */
  readonly onExchangeTime: (timeMs: number) => void;
  /** Binance does not know the symbol. */
  readonly onUnknownSymbol: (symbol: string) => void;
  /** Whether more trades would exceed what may wait for the log. */
  readonly isFull: () => boolean;
}

/** Binance's code of an unknown symbol. */
const UNKNOWN_SYMBOL = -1121;
/** Levels of a snapshot that serves the quote alone. */
const QUOTE_LEVELS = 5;
const SNAPSHOT_FETCHED = "its snapshot is fetched";

export class SymbolMarket {
  readonly symbol: string;
  readonly #host: MarketHost;
  readonly #book: OrderBook | undefined;
  readonly #snapshotLevels: number;
  readonly #trades: TradeSequence;
  readonly #snapshots: RepeatedTask;
  readonly #fetches: RepeatedTask;
  #quote: Quote | undefined;
  #isQuoteNew = false;
  #isQuoteComplete = false;
  #bookReason = SNAPSHOT_FETCHED;
  #tradesReason = "";
  #fetchAttempts = 0;
  #snapshotCount = 0;

  /** `after`: the last trade that an earlier process has stored. */
  constructor(symbol: string, host: MarketHost, after: number | undefined) {
    const { clock, random, options } = host;
    const { limits, market, streams, depthLevels } = options;
    this.symbol = symbol;
    this.#host = host;
    const kept = snapshotLevels(market, depthLevels);
    if (streams.includes("depth@100ms"))
      this.#book = new OrderBook({
        levels: depthLevels,
        kept,
        bufferedEventsMax: limits.bufferedEventsMax,
      });
    this.#snapshotLevels = this.#book === undefined ? QUOTE_LEVELS : kept;
    this.#trades = new TradeSequence(limits.fetchedTradesMax, after);
    const task = (attempt: (signal: AbortSignal) => Promise<Outcome>): RepeatedTask =>
      new RepeatedTask({
        clock,
        random,
        pauseBaseMs: limits.retryBaseMs,
        pauseMsMax: limits.retryMsMax,
        attempt,
      });
    this.#snapshots = task((signal) => this.#fetchSnapshot(signal));
    this.#fetches = task((signal) => this.#fetchTrades(signal));
  }

  /** Why the book is not complete; undefined where it is. */
  get depthReason(): string | undefined {
    return this.#book?.isSynced === false ? this.#bookReason : undefined;
  }

  get quoteReason(): string | undefined {
    return this.#isQuoteComplete ? undefined : "its quote is fetched";
  }

  get tradesReason(): string | undefined {
    const { hole } = this.#trades;
    if (hole === undefined) return undefined;
    const ids = hole.to === undefined ? `from ${hole.from} on` : `${hole.from} to ${hole.to}`;
    return `trades ${ids} are fetched${this.#tradesReason}`;
  }

  get missingTrades(): MissingTrades {
    return this.#trades.missing;
  }

  get tradesCompleteTo(): number | undefined {
    return this.#trades.completeTo;
  }

  get snapshotCount(): number {
    return this.#snapshotCount;
  }

  stop(): void {
    this.#snapshots.stop();
    this.#fetches.stop();
  }

  /** Books and quotes are streamed from here on; what came before may be lost. */
  onBooksUp(): void {
    this.#book?.reset();
    this.#bookReason = SNAPSHOT_FETCHED;
    this.#isQuoteComplete = false;
    this.#snapshots.begin();
  }

  onBooksDown(reason: string): void {
    this.#book?.reset();
    this.#bookReason = reason;
    this.#isQuoteComplete = false;
    this.#snapshots.stop();
  }

  /** Trades are streamed from here on; what came before may be lost. */
  onTradesUp(): void {
    this.#trades.onInterrupted();
    this.#fetchMissing();
  }

  onTradesDown(): void {
    this.#fetches.stop();
  }

  onEvent(event: Extract<StreamEvent, { readonly symbol: string }>): void {
    switch (event.kind) {
      case "trade": {
        if (this.#trades.onTrade(event)) this.#host.onTrades([event]);
        if (this.#trades.hole !== undefined && !this.#fetches.isRunning) this.#fetchMissing();
        return;
      }
      case "quote":
        this.#isQuoteComplete = true;
        this.#onQuote(event);
        return;
      case "depth": {
        const result = this.#book?.onEvent(event);
        if (result?.step === "gap") {
          this.#bookReason = `a new snapshot is fetched: ${result.reason}`;
          this.#snapshots.begin();
        }
        if (result !== undefined && result.step !== "same") this.#host.onChange();
      }
    }
  }

  /** The quote, where it has changed since the last call. */
  takeQuote(): Quote | undefined {
    const quote = this.#isQuoteNew ? this.#quote : undefined;
    this.#isQuoteNew = false;
    return quote;
  }

  /** The levels that have changed since the last call. */
  takeLevels(): readonly LevelChange[] {
    return this.#book?.takeChanges() ?? [];
  }

  #onQuote(quote: Quote): void {
    if (this.#quote !== undefined && quote.updateId <= this.#quote.updateId) return;
    this.#quote = quote;
    this.#isQuoteNew = true;
    this.#host.onChange();
  }

  async #fetchSnapshot(signal: AbortSignal): Promise<Outcome> {
    const { options, rest } = this.#host;
    const { path, weight } = depthRequest(options.market, this.symbol, this.#snapshotLevels);
    try {
      const snapshot = parseSnapshot(await rest.get(path, weight, signal));
      return signal.aborted ? "later" : this.#onSnapshot(snapshot);
    } catch (error) {
      if (signal.aborted) return "later";
      if (error instanceof RestError && error.code === UNKNOWN_SYMBOL)
        this.#host.onUnknownSymbol(this.symbol);
      this.#bookReason = `its snapshot could not be fetched: ${messageOf(error)}`;
      this.#host.onChange();
      return "later";
    }
  }

  #onSnapshot(snapshot: DepthSnapshot): Outcome {
    const { bids, asks, lastId, timeMs, eventMs } = snapshot;
    if (eventMs !== undefined) this.#host.onExchangeTime(eventMs);
    const [bid] = bids;
    const [ask] = asks;
    // Both have the same ids. A book with an empty side has no quote.
    if (this.#host.options.streams.includes("bookTicker") && bid !== undefined && ask !== undefined)
      this.#onQuote({ updateId: lastId, bid, ask, timeMs });
    this.#isQuoteComplete = true;
    this.#host.onChange();
    if (this.#book === undefined || this.#book.isSynced) return "done";
    const result = this.#book.onSnapshot(snapshot);
    if (result.step === "gap") {
      this.#bookReason = `a newer snapshot is fetched: ${result.reason}`;
      return "later";
    }
    this.#snapshotCount++;
    return "done";
  }

  #fetchMissing(): void {
    this.#fetchAttempts = 0;
    this.#tradesReason = "";
    if (this.#trades.hole !== undefined) this.#fetches.begin();
    this.#host.onChange();
  }

  async #fetchTrades(signal: AbortSignal): Promise<Outcome> {
    const { options, rest, onTrades, onChange, isFull } = this.#host;
    const { hole } = this.#trades;
    if (hole === undefined) return "done";
    if (isFull()) return "later";
    const { path, weight } = tradesRequest(options.market, this.symbol, hole.from);
    try {
      const trades = parseTrades(await rest.get(path, weight, signal), this.symbol);
      if (signal.aborted) return "later";
      onTrades(this.#trades.onFetched(trades, TRADES_PER_ANSWER));
      onChange();
      const left = this.#trades.hole;
      if (left === undefined) return "done";
      if (left.from !== hole.from) {
        this.#fetchAttempts = 0;
        return "again";
      }
      return this.#onFruitless("Binance has not returned them yet");
    } catch (error) {
      if (signal.aborted) return "later";
      // A refusal says nothing of the trades.
      if (error instanceof RestError && error.isRefusal) this.#fetchAttempts--;
      return this.#onFruitless(messageOf(error));
    }
  }

  #onFruitless(reason: string): Outcome {
    const { logger, options, onChange } = this.#host;
    this.#tradesReason = ` again: ${reason}`;
    onChange();
    if (++this.#fetchAttempts < options.limits.fetchAttemptsMax) return "later";
    const { hole } = this.#trades;
    this.#trades.onUnavailable();
    this.#fetchAttempts = 0;
    logger.warn({ symbol: this.symbol, hole, reason }, "trades are missing: can't be fetched");
    return this.#trades.hole === undefined ? "done" : "again";
  }
}
