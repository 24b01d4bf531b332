/**
 * Asks the REST twin for each symbol: at once, then every `everyMs`. At most one request per symbol
 * is under way; one that takes too long is given up, and the next round asks again.
 */
import type { Cancel, Clock } from "../std/clock.ts";
import { parseData, parseError, type HeatmapData, type HeatmapError } from "./messages.ts";

export type Fetch = (
  url: string,
  init: { readonly signal: AbortSignal; readonly cache: "no-store" },
) => Promise<{ readonly ok: boolean; readonly status: number; json(): Promise<unknown> }>;

const REQUEST_MS_MAX = 10_000;

export interface PollsOptions {
  /** The address, without the symbol. */
  readonly url: URL;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly fetch: Fetch;
  readonly symbols: () => Iterable<string>;
  readonly onData: (data: HeatmapData) => void;
  /** The server refuses the symbol. */
  readonly onRefusal: (error: HeatmapError) => void;
  readonly onFailure: (symbol: string, reason: string) => void;
}

export class Polls {
  readonly #options: PollsOptions;
  readonly #underWay = new Map<string, AbortController>();
  #round: Cancel | undefined;

  constructor(options: PollsOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#round !== undefined) return;
    const { clock, everyMs, symbols } = this.#options;
    const round = (): void => {
      this.#round = clock.after(everyMs, round);
      for (const symbol of symbols()) this.ask(symbol);
    };
    round();
  }

  stop(): void {
    this.#round?.();
    this.#round = undefined;
    for (const request of this.#underWay.values()) request.abort();
    this.#underWay.clear();
  }

  /** Asks for one symbol now, if it polls and has no request under way. */
  ask(symbol: string): void {
    if (this.#round === undefined || this.#underWay.has(symbol)) return;
    const request = new AbortController();
    this.#underWay.set(symbol, request);
    void this.#request(symbol, request);
  }

  /** Gives up the request for a symbol. */
  drop(symbol: string): void {
    this.#underWay.get(symbol)?.abort();
    this.#underWay.delete(symbol);
  }

  async #request(symbol: string, request: AbortController): Promise<void> {
    const { clock, fetch, url, onData, onRefusal, onFailure } = this.#options;
    const cancel = clock.after(REQUEST_MS_MAX, () => request.abort());
    const address = new URL(url);
    address.searchParams.set("symbol", symbol);
    let data: HeatmapData | undefined;
    let refusal: HeatmapError | undefined;
    let reason = "The server's answer is not a heatmap.";
    try {
      const answer = await fetch(address.href, { signal: request.signal, cache: "no-store" });
      if (answer.ok) data = parseData(await answer.json(), symbol);
      else if (answer.status === 400) refusal = parseError(await answer.json(), symbol);
      else reason = `The server answered with status ${answer.status}.`;
    } catch {
      reason = request.signal.aborted
        ? "The server takes too long to answer."
        : "The server can't be reached.";
    }
    cancel();
    // Dropped or stopped meanwhile.
    if (this.#underWay.get(symbol) !== request) return;
    this.#underWay.delete(symbol);
    if (data !== undefined) onData(data);
    else if (refusal !== undefined) onRefusal(refusal);
    else onFailure(symbol, reason);
  }
}
