/**
 * The order book of one symbol, by Binance's rules:
 *
 *     waiting ── a snapshot that the buffered events continue ──▶ synced
 *        ▲                                                          │
 *        └──── a gap, a lost connection, too few known levels ◀─────┘
 *
 * An event holds every change after `previousId` up to `lastId`, in absolute quantities. So it
 * continues a book that stands at an id between the two: equal to `previousId` within one
 * connection, later after a snapshot or another connection. One that ends earlier is a repeat; one
 * that begins later shows a gap. While it waits, the book keeps its former levels.
 */
import { BookSide } from "./book-side.ts";
import type { DepthEvent, DepthSnapshot, Level } from "./messages.ts";

export interface BookOptions {
  /** Levels per side that are published. */
  readonly levels: number;
  /** Levels per side of a snapshot, and the most that are kept. */
  readonly kept: number;
  readonly bufferedEventsMax: number;
}

export type BookStep =
  /** The book has changed. */
  | { readonly step: "changed" }
  /** Nothing is new. */
  | { readonly step: "same" }
  /** A snapshot is needed. */
  | { readonly step: "gap"; readonly reason: string };

export interface LevelChange {
  readonly side: "bid" | "ask";
  readonly price: string;
  /** Undefined: the level has gone. */
  readonly quantity: string | undefined;
}

const SAME: BookStep = { step: "same" };
const CHANGED: BookStep = { step: "changed" };

export class OrderBook {
  readonly #options: BookOptions;
  readonly #sides: readonly {
    readonly name: "bid" | "ask";
    readonly side: BookSide;
    /** What readers have, by price. */
    readonly published: Map<string, string>;
  }[];
  /** Present while the book waits for a snapshot. */
  #buffer: DepthEvent[] | undefined = [];
  #lastId = 0;
  #isChanged = false;

  constructor(options: BookOptions) {
    this.#options = options;
    this.#sides = (["bid", "ask"] as const).map((name) => ({
      name,
      side: new BookSide(name, options.kept),
      published: new Map(),
    }));
  }

  get isSynced(): boolean {
    return this.#buffer === undefined;
  }

  /** The update id at which the book stands; 0 before the first snapshot. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Events were lost: waits for a snapshot again. */
  reset(): void {
    this.#buffer = [];
  }

  onEvent(event: DepthEvent): BookStep {
    if (this.#buffer !== undefined) {
      this.#buffer.push(event);
      if (this.#buffer.length > this.#options.bufferedEventsMax) this.#buffer.shift();
      return SAME;
    }
    if (event.lastId <= this.#lastId) return SAME;
    if (event.previousId > this.#lastId) {
      this.#buffer = [event];
      return {
        step: "gap",
        reason: `updates ${this.#lastId} to ${event.previousId} did not arrive`,
      };
    }
    this.#apply(event);
    return this.#checkDepth();
  }

  /** A gap here means that this snapshot can't be used, and another is needed. */
  onSnapshot(snapshot: DepthSnapshot): BookStep {
    if (this.#buffer === undefined) return SAME;
    if (snapshot.lastId < this.#lastId)
      return { step: "gap", reason: "the snapshot is older than the book" };
    const events = this.#buffer.filter((event) => event.lastId > snapshot.lastId);
    let lastId = snapshot.lastId;
    for (const event of events) {
      if (event.previousId > lastId)
        return { step: "gap", reason: `updates ${lastId} to ${event.previousId} did not arrive` };
      lastId = Math.max(lastId, event.lastId);
    }
    this.#buffer = undefined;
    this.#lastId = snapshot.lastId;
    this.#isChanged = true;
    for (const { name, side } of this.#sides)
      side.load(name === "bid" ? snapshot.bids : snapshot.asks);
    for (const event of events) if (event.lastId > this.#lastId) this.#apply(event);
    return this.#checkDepth();
  }

  /** The published levels that have changed since the last call. */
  takeChanges(): readonly LevelChange[] {
    if (!this.#isChanged) return [];
    this.#isChanged = false;
    return this.#sides.flatMap(({ name, side, published }) => {
      const changes: LevelChange[] = [];
      const best = new Map<string, string>(side.levels.slice(0, this.#options.levels));
      for (const price of published.keys())
        if (!best.has(price)) changes.push({ side: name, price, quantity: undefined });
      for (const { price } of changes) published.delete(price);
      for (const [price, quantity] of best) {
        if (published.get(price) === quantity) continue;
        published.set(price, quantity);
        changes.push({ side: name, price, quantity });
      }
      return changes;
    });
  }

  #apply({ bids, asks, lastId }: DepthEvent): void {
    this.#lastId = lastId;
    this.#isChanged = true;
    for (const { name, side } of this.#sides) {
      const levels: readonly Level[] = name === "bid" ? bids : asks;
      for (const level of levels) side.set(level);
    }
  }

  #checkDepth(): BookStep {
    if (this.#sides.every(({ side }) => side.knows(this.#options.levels))) return CHANGED;
    this.#buffer = [];
    return { step: "gap", reason: "the price has left the levels that are known" };
  }
}
