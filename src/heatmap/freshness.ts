/**
 * What is known of each subscribed symbol, and whether it may be shown as current. Times are of the
 * clock that never goes back, so a wrong clock of the page or the server changes nothing.
 */
import { Grid } from "./grid.ts";
import type { HeatmapChanges, HeatmapData } from "./messages.ts";

interface Known {
  data: HeatmapData | undefined;
  /** What changes are applied to: set by the first whole data of a connection. */
  grid: Grid | undefined;
  /** Data that is not empty has come on this connection. */
  isServed: boolean;
  /** The server has said on this connection that it does not have the symbol. */
  isRefused: boolean;
  /** When data was first waited for, or last came with a later time. */
  freshMs: number;
}

export class Freshness {
  readonly #known = new Map<string, Known>();
  readonly #staleMs: number;
  /** The server says that its data is stale. */
  #problem: string | undefined;

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
      grid: undefined,
      isServed: false,
      isRefused: false,
      freshMs: nowMs,
    });
  }

  delete(symbol: string): void {
    this.#known.delete(symbol);
  }

  data(symbol: string): HeatmapData | undefined {
    return this.#known.get(symbol)?.data;
  }

  /** A new connection, or polling, has begun: data is waited for from now on. */
  begin(nowMs: number): void {
    this.#problem = undefined;
    for (const known of this.#known.values()) {
      known.grid = undefined;
      known.isServed = false;
      known.isRefused = false;
      known.freshMs = nowMs;
    }
  }

  /**
   * Whole data. Returns what is to be shown: nothing for a symbol that nobody has subscribed to, or
   * while the server has no estimate yet.
   */
  take(data: HeatmapData, nowMs: number): HeatmapData | undefined {
    const known = this.#known.get(data.symbol);
    if (known === undefined) return undefined;
    known.grid = new Grid(data);
    return shown(known, data, nowMs);
  }

  /** Changes of the whole data before. Returns what is to be shown. */
  change(symbol: string, changes: HeatmapChanges, nowMs: number): HeatmapData | undefined {
    const known = this.#known.get(symbol);
    if (known?.grid === undefined) return undefined;
    const data = known.grid.apply(changes);
    if (data === undefined) {
      // Too large: data is waited for again.
      known.grid = undefined;
      known.isServed = false;
      return undefined;
    }
    return shown(known, data, nowMs);
  }

  /**
   * The server refuses a symbol, which is then not waited for; without one, something else. False
   * if that is known, or concerns a symbol that nobody has subscribed to any more.
   */
  refuse(symbol: string | undefined): boolean {
    if (symbol === undefined) return true;
    const known = this.#known.get(symbol);
    if (known === undefined || known.isRefused) return false;
    known.isRefused = true;
    return true;
  }

  /** The server's word: `live`, `catching_up` or `stale`. */
  takeStatus(status: string, reason: string | undefined): void {
    this.#problem =
      status === "stale" ? (reason ?? "The server says that its data is stale.") : undefined;
  }

  /** Over a socket, where no news is good once data has come. Undefined: nothing is stale. */
  staleOverSocket(nowMs: number): string | undefined {
    if (this.#problem !== undefined) return this.#problem;
    for (const [symbol, known] of this.#known)
      if (!known.isServed && isOverdue(known, nowMs, this.#staleMs))
        return `${symbol}: the server has sent no data.`;
    return undefined;
  }

  /** Over polls, where each answer has to be of a later time. Undefined: nothing is stale. */
  staleOverPolls(nowMs: number): string | undefined {
    for (const [symbol, known] of this.#known)
      if (isOverdue(known, nowMs, this.#staleMs))
        return known.isServed
          ? `${symbol}: the server's data does not get newer.`
          : `${symbol}: the server does not answer.`;
    return undefined;
  }
}

/** A refused symbol is not waited for, but data of it that is still shown is old. */
function isOverdue({ data, isRefused, freshMs }: Known, nowMs: number, staleMs: number): boolean {
  return nowMs - freshMs >= staleMs && !(isRefused && data === undefined);
}

function shown(known: Known, data: HeatmapData, nowMs: number): HeatmapData | undefined {
  if (data.times.length === 0) return undefined;
  if (!known.isServed || (data.as_of ?? 0) > (known.data?.as_of ?? 0)) known.freshMs = nowMs;
  known.isServed = true;
  known.isRefused = false;
  known.data = data;
  return data;
}
