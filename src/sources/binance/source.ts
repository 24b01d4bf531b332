/**
 * Binance's market data as a source: one feed per path of the exchange, one `SymbolMarket` per
 * symbol, and one sequence of commits. Lost connections, gaps and failed requests show as statuses
 * with reasons, and heal without a restart.
 */
import type { Cancel } from "../../std/clock.ts";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import type { TypedChannel } from "../../protocol/typed-channel.ts";
import type { Source, SourceContext } from "../source.ts";
import { Commits } from "../commits.ts";
import { Drafts, tradesIn, type StreamedKind } from "./drafts.ts";
import { feedAddresses, restUrlOf } from "./endpoints.ts";
import { Feed } from "./feed.ts";
import { Freshness } from "./freshness.ts";
import { parseStreamMessage, type StreamEvent } from "./messages.ts";
import type { CheckedOptions } from "./options.ts";
import { RestClient } from "./rest-client.ts";
import { ownChannels, STREAM_OF, type OwnChannel } from "./rows.ts";
import type { BinanceLevel, BinanceMarketRow, BinanceQuote, BinanceTrade } from "./rows.ts";
import { SymbolMarket, type MarketHost } from "./symbol-market.ts";
import type { Transport } from "./transport.ts";

/** What exists from the start to the stop. */
interface Running {
  readonly context: SourceContext;
  readonly feeds: readonly { readonly feed: Feed; readonly streams: readonly string[] }[];
  readonly markets: ReadonlyMap<string, SymbolMarket>;
  readonly drafts: Drafts;
  readonly commits: Commits;
  readonly freshness: Freshness;
  readonly rest: RestClient;
}

/** The channels by their default names, for their types. */
type BinanceChannels = {
  readonly trades: TypedChannel<BinanceTrade>;
  readonly quotes: TypedChannel<BinanceQuote>;
  readonly depth: TypedChannel<BinanceLevel>;
  readonly markets: TypedChannel<BinanceMarketRow>;
};

/** What `binance()` returns: a source for `createTidemark({ sources })`. */
export interface BinanceSource extends Source {
  /** For the rows' types, under the default names: `createClient<typeof source.channels>()`. */
  readonly channels: BinanceChannels;
}

export class ExchangeSource implements BinanceSource {
  readonly name: string;
  readonly channels: BinanceChannels = { trades: {}, quotes: {}, depth: {}, markets: {} };
  readonly #options: CheckedOptions;
  readonly #transport: Transport;
  readonly #ownChannels: readonly OwnChannel[];
  #running: Running | undefined;
  #isStarted = false;
  #isStopped = false;
  #unreadable = 0;
  #cancelTick: Cancel = () => {};
  /** Resolves the start: the first copy is complete, or will not be soon. */
  #endStart: (error?: TidemarkError) => void = () => {};

  constructor(options: CheckedOptions, transport: Transport) {
    this.name = options.name;
    this.#options = options;
    this.#transport = transport;
    this.#ownChannels = ownChannels(options);
  }

  async start(context: SourceContext): Promise<void> {
    const { limits } = this.#options;
    await context.append({
      changes: [],
      declares: this.#ownChannels.map(({ declaration }) => declaration),
      status: [{ status: { status: "catching_up", reason: "connecting to Binance" } }],
    });
    if (this.#isStopped) return;
    const running = this.#run(context);
    this.#running = running;
    let cancelWait: Cancel = () => {};
    try {
      await new Promise<void>((resolve, reject) => {
        this.#endStart = (error) => (error === undefined ? resolve() : reject(error));
        cancelWait = context.clock.after(limits.startMsMax, resolve);
        for (const { feed } of running.feeds) feed.start();
      });
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      cancelWait();
    }
    this.#isStarted = true;
    await running.commits.now();
    this.#tick(running);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTick();
    const running = this.#running;
    if (running === undefined) return;
    for (const { feed } of running.feeds) feed.stop();
    for (const market of running.markets.values()) market.stop();
    running.rest.stop();
    this.#endStart();
    await running.commits.stop();
  }

  #run(context: SourceContext): Running {
    const { clock, random, logger } = context;
    const options = this.#options;
    const { limits, symbols, market, restUrl } = options;
    const url = restUrlOf(market, restUrl);
    const rest = new RestClient({ url, clock, transport: this.#transport, limits });
    const addresses = feedAddresses(options);
    const freshness = new Freshness(
      limits.asOfMarginMs,
      addresses.map(({ name }) => name),
    );
    const after = tradesIn(context.sourcePosition);
    const host: MarketHost = {
      options,
      clock,
      random,
      logger,
      rest,
      onTrades: (trades) => {
        drafts.addTrades(trades);
        this.#onChange();
      },
      onChange: () => this.#onChange(),
      onExchangeTime: (timeMs) => freshness.onAnswer(timeMs, clock.monotonic()),
      onUnknownSymbol: (symbol) =>
        this.#endStart(new TidemarkError("BAD_OPTION", `Binance has no symbol "${symbol}".`)),
      isFull: () => drafts.waitingTrades >= limits.waitingTradesMax,
    };
    const markets = new Map(
      symbols.map((symbol) => [symbol, new SymbolMarket(symbol, host, after.get(symbol))]),
    );
    const feeds = addresses.map(({ name, streams, url }) => ({
      streams,
      feed: this.#feedOf(context, freshness, name, url, streams),
    }));
    const drafts = new Drafts({
      channels: this.#ownChannels,
      markets: [...markets.values()],
      tradesMax: limits.commitTradesMax,
      asOfMs: limits.asOfMs,
      downReason: (kind) => this.#feedOfKind(kind)?.downReason,
      throughMs: () => freshness.throughMs,
    });
    const commits = new Commits({
      context,
      retryMs: limits.retryBaseMs,
      collect: () => this.#collect(),
      onEnd: (error) => this.#onEnd(error),
    });
    return { context, feeds, markets, drafts, commits, freshness, rest };
  }

  #feedOf(
    context: SourceContext,
    freshness: Freshness,
    name: string,
    url: string,
    streams: readonly string[],
  ): Feed {
    const { clock, random, logger } = context;
    const hasTrades = streams.includes(STREAM_OF.trades);
    const hasBooks = streams.includes(STREAM_OF.depth) || streams.includes(STREAM_OF.quotes);
    const feed: Feed = new Feed({
      url,
      clock,
      random,
      transport: this.#transport,
      limits: this.#options.limits,
      onMessage: (text) => {
        const event = this.#parse(text);
        if (event?.kind === "closing") feed.rotate();
        else if (event !== undefined) this.#onEvent(name, event);
      },
      onPong: (pingedMs) => {
        freshness.onPong(name, pingedMs);
        this.#onChange();
      },
      onUp: () => {
        freshness.reset(name);
        for (const market of this.#running?.markets.values() ?? []) {
          if (hasBooks) market.onBooksUp();
          if (hasTrades) market.onTradesUp();
        }
        this.#onChange();
      },
      onDown: (reason) => {
        logger.warn({ reason, source: this.name, path: name }, "the connection to Binance is lost");
        for (const market of this.#running?.markets.values() ?? []) {
          if (hasBooks) market.onBooksDown(reason);
          if (hasTrades) market.onTradesDown();
        }
        this.#onChange();
      },
    });
    return feed;
  }

  #feedOfKind(kind: StreamedKind): Feed | undefined {
    return this.#running?.feeds.find(({ streams }) => streams.includes(STREAM_OF[kind]))?.feed;
  }

  #parse(text: string): StreamEvent | undefined {
    try {
      return parseStreamMessage(text);
    } catch (error) {
      // What it held is found missing by its ids. The log names the 1st, 2nd, 4th, 8th… such.
      const count = ++this.#unreadable;
      if ((count & (count - 1)) === 0)
        this.#running?.context.logger.warn(
          { source: this.name, count, reason: messageOf(error), message: text.slice(0, 200) },
          "a message of Binance could not be read",
        );
      return undefined;
    }
  }

  #onEvent(name: string, event: Exclude<StreamEvent, { readonly kind: "closing" }>): void {
    const running = this.#running;
    if (running === undefined) return;
    if (event.eventMs !== undefined)
      running.freshness.onEvent(name, event.eventMs, running.context.clock.monotonic());
    if (event.kind !== "life") running.markets.get(event.symbol)?.onEvent(event);
  }

  #onChange(): void {
    const running = this.#running;
    if (running === undefined) return;
    if (this.#isStarted) running.commits.schedule();
    else if (running.drafts.isComplete && running.freshness.throughMs !== undefined)
      this.#endStart();
    const { waitingTradesMax } = this.#options.limits;
    if (running.drafts.waitingTrades >= waitingTradesMax)
      this.#feedOfKind("trades")?.setPaused(true);
  }

  #collect(): ReturnType<Drafts["take"]> {
    const drafts = this.#running?.drafts;
    const draft = drafts?.take();
    if (drafts === undefined) return undefined;
    if (drafts.waitingTrades > 0) this.#running?.commits.schedule();
    if (drafts.waitingTrades <= this.#options.limits.waitingTradesMax / 2)
      this.#feedOfKind("trades")?.setPaused(false);
    return draft;
  }

  #tick(running: Running): void {
    if (this.#isStopped) return;
    this.#cancelTick = running.context.clock.after(this.#options.limits.asOfMs, () => {
      running.commits.schedule();
      this.#tick(running);
    });
  }

  #onEnd(error: TidemarkError): void {
    this.#running?.context.logger.error({ err: error }, "the Binance source stops");
    void this.stop();
  }
}
