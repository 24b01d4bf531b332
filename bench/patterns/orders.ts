/** The rows of the patterns benchmark: orders that are made, change, and leave the filter. */
import { makeTrade, type Trade } from "../support/trade.ts";

export interface Order extends Trade {
  readonly status: "open" | "done";
  /** Rises by one with each change of the order. */
  readonly version: number;
}

/** What each widget shows: of the open orders the newest ones. */
export const SHOWN_ROWS = 40;

export const isOpen = ({ status }: Order): boolean => status === "open";

/** Of 100 rows so many are new orders, and so many changes; the others end an order. */
const SHARES = { made: 50, changed: 30 };
/** What changes or ends is one of so many of the newest open orders. */
const RECENT = 50;

/** Makes rows one after another. */
export class OrderFlow {
  readonly #recent: Order[] = [];

  next(): Order {
    const share = Math.random() * 100;
    const place = Math.floor(Math.random() * this.#recent.length);
    const former = share < SHARES.made ? undefined : this.#recent[place];
    if (former === undefined) return this.#make();
    const version = former.version + 1;
    if (share < SHARES.made + SHARES.changed) {
      const price = (Number(former.price) * (0.99 + Math.random() / 50)).toFixed(4);
      return (this.#recent[place] = { ...former, price, version });
    }
    this.#recent.splice(place, 1);
    return { ...former, status: "done", version };
  }

  #make(): Order {
    const order: Order = { ...makeTrade(Number.MAX_SAFE_INTEGER), status: "open", version: 1 };
    this.#recent.push(order);
    if (this.#recent.length > RECENT) this.#recent.shift();
    return order;
  }
}
