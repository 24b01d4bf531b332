/**
 * The order flow of one market: an order book that limit orders fill, and that market orders and
 * cancellations empty. A fair value walks about; makers follow it, takers lift what it has passed.
 * Now and then a burst comes. The seed settles everything, so the same steps give the same rows.
 */
import type { MarketSettings } from "../symbols.ts";
import { BookSide, type Side } from "./book-side.ts";
import { SeededRandom } from "./random.ts";

export interface FlowTrade {
  readonly id: number;
  readonly price: string;
  readonly quantity: string;
  /** What the taker did. */
  readonly side: "buy" | "sell";
}

export interface FlowLevel {
  readonly side: Side;
  readonly price: string;
  /** Undefined where the level is gone. */
  readonly quantity: string | undefined;
}

export interface FlowStep {
  readonly trades: readonly FlowTrade[];
  readonly levels: readonly FlowLevel[];
  readonly quote: {
    readonly bid: string;
    readonly bid_quantity: string;
    readonly ask: string;
    readonly ask_quantity: string;
    readonly update_id: number;
  };
}

/** Where a market goes on after a restart. */
export interface FlowPosition {
  readonly price: number;
  readonly id: number;
}

const LEVELS_MAX = 24;
const LEVELS_MIN = 18;
/** Makers withdraw what is further away from the best price. */
const FAR_TICKS = 60;
/** Of the price, in the square root of a second: about 2.5 % in a day. */
const VOLATILITY = 0.000_085;
const BURST = { perSecond: 1 / 40, flow: 5, volatility: 3, endsPerSecond: 0.5 };
/** What an event of the flow is; the rest are cancellations. */
const MARKET_ORDERS = 0.28;
const LIMIT_ORDERS = 0.42;
/** How much takers repeat what the last one did. */
const PERSISTENCE = 0.72;
/** What of a level that the fair value has passed is bought; the rest is withdrawn. */
const LIFTED = 0.6;

export class Market {
  readonly settings: MarketSettings;
  readonly #random: SeededRandom;
  readonly #bids = new BookSide("bid", LEVELS_MAX);
  readonly #asks = new BookSide("ask", LEVELS_MAX);
  readonly #lotUnit: number;
  #fair: number;
  #id: number;
  #isBurst = false;
  #lastSide: "buy" | "sell" = "buy";
  #trades: FlowTrade[] = [];

  constructor(settings: MarketSettings, seed: number, position?: FlowPosition) {
    this.settings = settings;
    this.#random = new SeededRandom(seed);
    this.#lotUnit = 10 ** -settings.quantity_digits;
    this.#fair = (position?.price ?? settings.price) / settings.tick;
    this.#id = position?.id ?? 0;
    this.#refill(this.#bids);
    this.#refill(this.#asks);
  }

  get position(): FlowPosition {
    return { price: Number((this.#fair * this.settings.tick).toFixed(8)), id: this.#id };
  }

  /** The whole book, for a table that begins with it. */
  levels(): readonly FlowLevel[] {
    return [this.#bids, this.#asks].flatMap((book) =>
      book.prices().map((price) => this.#level(book, price, book.lotsAt(price))),
    );
  }

  /** Goes on by so much time, with so many events expected in it. */
  step(seconds: number, events: number): FlowStep {
    this.#walk(seconds);
    this.#follow(this.#asks, "buy");
    this.#follow(this.#bids, "sell");
    const count = this.#random.poisson(events * (this.#isBurst ? BURST.flow : 1));
    for (let event = 0; event < count; event++) this.#event();
    this.#refill(this.#bids);
    this.#refill(this.#asks);
    const trades = this.#trades;
    this.#trades = [];
    const levels = [this.#bids, this.#asks].flatMap((book) =>
      book.takeChanges().map(([price, lots]) => this.#level(book, price, lots)),
    );
    return { trades, levels, quote: this.#quote() };
  }

  #walk(seconds: number): void {
    const random = this.#random;
    this.#isBurst = this.#isBurst
      ? !random.isBelow(BURST.endsPerSecond * seconds)
      : random.isBelow(BURST.perSecond * seconds);
    const volatility = VOLATILITY * (this.#isBurst ? BURST.volatility : 1);
    this.#fair *= 1 + volatility * Math.sqrt(seconds) * random.normal();
    // A price of less than this many ticks would have no room for a book.
    this.#fair = Math.max(this.#fair, 4 * LEVELS_MAX);
  }

  /** Levels that the fair value has passed are bought by somebody, or withdrawn by their maker. */
  #follow(book: BookSide, side: "buy" | "sell"): void {
    while (book.size > 0 && (this.#fair - book.best) * book.outward > 1) {
      const lots = book.lotsAt(book.best);
      if (this.#random.isBelow(LIFTED)) this.#trade(book, side, Math.ceil(lots));
      else book.take(book.best, lots);
    }
  }

  #event(): void {
    const random = this.#random;
    const kind = random.next();
    if (kind < MARKET_ORDERS) return this.#marketOrder();
    const book = random.isBelow(0.5) ? this.#bids : this.#asks;
    if (kind < MARKET_ORDERS + LIMIT_ORDERS) return this.#limitOrder(book);
    const prices = book.prices();
    const price = prices[Math.floor(random.next() * prices.length)];
    if (price !== undefined)
      book.take(price, Math.ceil(book.lotsAt(price) * (0.2 + 0.8 * random.next())));
  }

  #marketOrder(): void {
    const random = this.#random;
    const isSame = random.isBelow(PERSISTENCE);
    const side = isSame ? this.#lastSide : this.#lastSide === "buy" ? "sell" : "buy";
    this.#lastSide = side;
    const book = side === "buy" ? this.#asks : this.#bids;
    let left = Math.max(1, Math.round(this.#usualLots() * 0.35 * random.heavy()));
    while (left > 0 && book.size > 1) left -= this.#trade(book, side, left);
  }

  #trade(book: BookSide, side: "buy" | "sell", lots: number): number {
    const price = book.best;
    const taken = book.take(price, lots);
    this.#trades.push({
      id: ++this.#id,
      price: this.#priceText(price),
      quantity: this.#quantityText(taken),
      side,
    });
    return taken;
  }

  #limitOrder(book: BookSide): void {
    const lots = Math.max(1, Math.round(this.#usualLots() * 0.5 * this.#random.heavy()));
    book.add(this.#nearest(book) + book.outward * this.#random.geometric(2.5), lots);
  }

  /** The best price at which an order of this side rests, at the fair value. */
  #nearest(book: BookSide): number {
    const fair = book.side === "ask" ? Math.ceil(this.#fair + 0.3) : Math.floor(this.#fair - 0.3);
    const other = book === this.#asks ? this.#bids : this.#asks;
    if (other.size === 0) return fair;
    const beside = other.best + book.outward;
    return book.side === "ask" ? Math.max(fair, beside) : Math.min(fair, beside);
  }

  #refill(book: BookSide): void {
    for (const price of book.prices())
      if ((price - book.best) * book.outward > FAR_TICKS) book.take(price, book.lotsAt(price));
    while (book.size < LEVELS_MIN) {
      const nearest = this.#nearest(book);
      const worst = book.prices().at(-1);
      const isWide = worst === undefined || (book.best - nearest) * book.outward > 1;
      const price = isWide
        ? nearest + book.outward * this.#random.geometric(1)
        : worst + book.outward * (1 + this.#random.geometric(0.6));
      book.add(price, Math.max(1, Math.round(this.#usualLots() * this.#random.heavy())));
    }
  }

  #usualLots(): number {
    return this.settings.lot / this.#lotUnit;
  }

  #quote(): FlowStep["quote"] {
    const [bid, ask] = [this.#bids.best, this.#asks.best];
    return {
      bid: this.#priceText(bid),
      bid_quantity: this.#quantityText(this.#bids.lotsAt(bid)),
      ask: this.#priceText(ask),
      ask_quantity: this.#quantityText(this.#asks.lotsAt(ask)),
      update_id: this.#id,
    };
  }

  #level({ side }: BookSide, price: number, lots: number): FlowLevel {
    const quantity = lots === 0 ? undefined : this.#quantityText(lots);
    return { side, price: this.#priceText(price), quantity };
  }

  #priceText(ticks: number): string {
    return (ticks * this.settings.tick).toFixed(this.settings.price_digits);
  }

  #quantityText(lots: number): string {
    return (lots * this.#lotUnit).toFixed(this.settings.quantity_digits);
  }
}
