/**
 * What is known of each subscribed symbol, and whether it may be shown as current. Times are of the
 * clock that never goes back, so a wrong clock of the page or the server changes nothing.
 */
import type { HeatmapData } from "./messages.ts";

interface Known {
  data: HeatmapData | undefined;
  /** The server has sent data on this connection. */
  isServed: boolean;
  /** When data was first waited for, or last came with a later time. */
  freshMs: number;
  /** The server says that the symbol's data is stale. */
  problem: string | undefined;
}

export class Freshness {
  readonly #known = new Map<string, Known>();
  readonly #staleMs: number;

  constructor(staleMs: number) {
    this.#staleMs = staleMs;
  }

  get symbols(): readonly string[] {
    return [...this.#known.keys()];
  }

  has(symbol: string): boolean {
    return this.#known.has(symbol);
  }

  add(symbol: string, nowMs: number): void {
    this.#known.set(symbol, {
      data: undefined,
      isServed: false,
      freshMs: nowMs,
      problem: undefined,
    });
  }

  delete(symbol: string): void {
    this.#known.delete(symbol);
  }

  data(symbol: string): HeatmapData | undefined {
    return this.#known.get(symbol)?.data;
  }

  /** The data that the server's changes belong to: what it has sent on this connection. */
  served(symbol: string): HeatmapData | undefined {
    const known = this.#known.get(symbol);
    return known?.isServed === true ? known.data : undefined;
  }

  /** A new connection, or polling, has begun: data is waited for from now on. */
  begin(nowMs: number): void {
    for (const known of this.#known.values()) {
      known.isServed = false;
      known.freshMs = nowMs;
      known.problem = undefined;
    }
  }

  /** False when nobody has subscribed to the data's symbol. */
  take(data: HeatmapData, nowMs: number): boolean {
    const known = this.#known.get(data.symbol);
    if (known === undefined) return false;
    if (known.data === undefined || data.as_of > known.data.as_of || !known.isServed)
      known.freshMs = nowMs;
    known.data = data;
    known.isServed = true;
    return true;
  }

  /** The server's word about a symbol: `live`, `catching_up` or `stale`. */
  takeStatus(symbol: string, status: string, reason: string | undefined): void {
    const known = this.#known.get(symbol);
    if (known === undefined) return;
    known.problem =
      status === "stale" ? (reason ?? "The server says that its data is stale.") : undefined;
  }

  /** Over a socket, where no news is good once data has come. Undefined: nothing is stale. */
  staleOverSocket(nowMs: number): string | undefined {
    for (const [symbol, { isServed, freshMs, problem }] of this.#known) {
      if (problem !== undefined) return `${symbol}: ${problem}`;
      if (!isServed && nowMs - freshMs >= this.#staleMs)
        return `${symbol}: the server has sent no data.`;
    }
    return undefined;
  }

  /** Over polls, where each answer has to be of a later time. Undefined: nothing is stale. */
  staleOverPolls(nowMs: number): string | undefined {
    for (const [symbol, { isServed, freshMs }] of this.#known)
      if (nowMs - freshMs >= this.#staleMs)
        return isServed
          ? `${symbol}: the server's data does not get newer.`
          : `${symbol}: the server does not answer.`;
    return undefined;
  }
}
