/**
 * The trades of one symbol, each once. Aggregate ids have no holes on the exchange, so a hole in
 * what arrived names the trades to fetch. A hole without an end asks for all trades after an
 * interruption. What can't be fetched is counted as missing, never skipped silently.
 */
import type { TradeEvent } from "./messages.ts";

/** Ids that have not arrived, both included. */
export interface TradeHole {
  readonly from: number;
  /** Undefined: up to the newest. */
  readonly to: number | undefined;
}

export interface MissingTrades {
  readonly count: number;
  /** The last hole that could not be filled. */
  readonly last: { readonly from: number; readonly to: number } | undefined;
}

/** Holes of one symbol at once. Full: the trades of the oldest are counted as missing. */
const HOLES_MAX = 100;

export class TradeSequence {
  readonly #fetchedMax: number;
  /** The newest id. Undefined: none is known. */
  #lastId: number | undefined;
  /** By rising ids. */
  #holes: TradeHole[] = [];
  #missing: MissingTrades = { count: 0, last: undefined };

  /** `after`: the last trade that an earlier process has stored. */
  constructor(fetchedMax: number, after: number | undefined) {
    this.#fetchedMax = fetchedMax;
    this.#lastId = after;
  }

  /** The oldest hole, which is fetched next. */
  get hole(): TradeHole | undefined {
    return this.#holes[0];
  }

  get missing(): MissingTrades {
    return this.#missing;
  }

  /** All trades up to this one are here or counted as missing. */
  get completeTo(): number | undefined {
    const hole = this.#holes[0];
    return hole === undefined ? this.#lastId : hole.from - 1;
  }

  /** The stream was interrupted after its last trade. */
  onInterrupted(): void {
    const newest = this.#holes.at(-1);
    if (this.#lastId === undefined || (newest !== undefined && newest.to === undefined)) return;
    this.#holes.push({ from: this.#lastId + 1, to: undefined });
  }

  /** Whether a trade of the stream is new. */
  onTrade({ id }: TradeEvent): boolean {
    const lastId = this.#lastId;
    if (lastId !== undefined && id <= lastId) return false;
    const open = this.#holes.at(-1);
    if (open !== undefined && open.to === undefined) {
      this.#holes.pop();
      this.#addHole(open.from, id - 1);
    } else if (lastId !== undefined) this.#addHole(lastId + 1, id - 1);
    this.#lastId = id;
    return true;
  }

  /**
   * Takes the answer to a request for the oldest hole: trades from its first id on, all that there
   * are or `countMax` of them. Returns those that are new.
   */
  onFetched(trades: readonly TradeEvent[], countMax: number): readonly TradeEvent[] {
    const hole = this.#holes[0];
    if (hole === undefined) return [];
    const taken: TradeEvent[] = [];
    let next = hole.from;
    for (const trade of trades) {
      if (trade.id < next) continue;
      // Trades between two of one answer do not exist.
      const end = Math.min(trade.id - 1, hole.to ?? Number.POSITIVE_INFINITY);
      if (next <= end) this.#miss(next, end);
      next = end + 1;
      if (hole.to !== undefined && trade.id > hole.to) break;
      taken.push(trade);
      next = trade.id + 1;
    }
    if (hole.to === undefined) {
      this.#lastId = next - 1;
      this.#holes = trades.length < countMax ? [] : [{ from: next, to: undefined }];
    } else if (next > hole.to) this.#holes.shift();
    else this.#holes[0] = { from: next, to: hole.to };
    return taken;
  }

  /** The oldest hole can't be filled. */
  onUnavailable(): void {
    const hole = this.#holes.shift();
    if (hole?.to !== undefined) this.#miss(hole.from, hole.to);
  }

  #addHole(from: number, to: number): void {
    const kept = Math.max(from, to - this.#fetchedMax + 1);
    if (from < kept) this.#miss(from, kept - 1);
    if (kept > to) return;
    this.#holes.push({ from: kept, to });
    if (this.#holes.length > HOLES_MAX) this.onUnavailable();
  }

  #miss(from: number, to: number): void {
    this.#missing = { count: this.#missing.count + to - from + 1, last: { from, to } };
  }
}
