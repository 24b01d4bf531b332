/**
 * Requests to Binance's HTTP interface within its weight limits: the weight of a minute is counted
 * here and corrected by what Binance reports; after a refusal (429, 418) nothing is sent for as
 * long as Binance says. Requests wait for their turn in order.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import { messageOf } from "../../std/errors.ts";
import type { BinanceLimits } from "./limits.ts";
import type { Transport } from "./transport.ts";

const MINUTE_MS = 60_000;
/** The pause after a refusal that does not say how long. */
const REFUSED_MS = 60_000;

/** A request that failed. */
export class RestError extends Error {
  override readonly name = "RestError";
  /** Undefined where no answer came. */
  readonly status: number | undefined;
  /** Binance's own code of an error, such as -1121 for an unknown symbol. */
  readonly code: number | undefined;

  constructor(message: string, status?: number, code?: number) {
    super(message);
    this.status = status;
    this.code = code;
  }

  /** The limits were exceeded, by this program or another of the same address. */
  get isRefusal(): boolean {
    return this.status === 429 || this.status === 418;
  }
}

export interface RestClientOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly transport: Transport;
  readonly limits: BinanceLimits;
}

interface Waiting {
  readonly path: string;
  readonly weight: number;
  readonly signal: AbortSignal;
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: RestError) => void;
}

export class RestClient {
  readonly #options: RestClientOptions;
  /** At most one request per symbol and kind: its callers wait for the answer. */
  #waiting: Waiting[] = [];
  readonly #stopped = new AbortController();
  #active = 0;
  #minute = 0;
  #weight = 0;
  #refusedUntilMs = 0;
  #cancelWake: Cancel = () => {};

  constructor(options: RestClientOptions) {
    this.#options = options;
  }

  /** The JSON of the answer. @throws RestError */
  get(path: string, weight: number, signal: AbortSignal): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ path, weight, signal, resolve, reject });
      this.#next();
    });
  }

  stop(): void {
    this.#stopped.abort();
    this.#cancelWake();
    for (const { reject } of this.#waiting.splice(0)) reject(new RestError("stopped"));
  }

  #next(): void {
    const { clock, limits } = this.#options;
    const isOver = ({ signal }: Waiting): boolean => signal.aborted || this.#stopped.signal.aborted;
    for (const { reject } of this.#waiting.filter(isOver)) reject(new RestError("stopped"));
    this.#waiting = this.#waiting.filter((waiting) => !isOver(waiting));
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined || this.#active >= limits.requestsMax) return;
      const waitMs = this.#waitMs(first.weight);
      if (waitMs > 0) {
        this.#cancelWake();
        this.#cancelWake = clock.after(waitMs, () => this.#next());
        return;
      }
      this.#waiting.shift();
      this.#weight += first.weight;
      this.#active++;
      this.#send(first)
        .then(first.resolve, first.reject)
        .finally(() => {
          this.#active--;
          this.#next();
        });
    }
  }

  /** How long a request of this weight has to wait; Binance counts by minutes of its clock. */
  #waitMs(weight: number): number {
    const { clock, limits } = this.#options;
    const now = clock.now();
    if (now < this.#refusedUntilMs) return this.#refusedUntilMs - now;
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#weight = 0;
    }
    return this.#weight === 0 || this.#weight + weight <= limits.weightPerMinuteMax
      ? 0
      : (minute + 1) * MINUTE_MS - now;
  }

  async #send({ path, signal }: Waiting): Promise<unknown> {
    const { url, clock, transport, limits } = this.#options;
    const late = new AbortController();
    const cancel = clock.after(limits.requestMsMax, () => late.abort());
    const stop = AbortSignal.any([signal, this.#stopped.signal, late.signal]);
    try {
      const answer = await transport.get(`${url}${path}`, stop);
      const used = Number(answer.header("x-mbx-used-weight-1m") ?? 0);
      if (used > this.#weight) this.#weight = used;
      return this.#read(answer.status, answer.text, answer.header("retry-after"));
    } catch (error) {
      if (error instanceof RestError) throw error;
      throw new RestError(
        late.signal.aborted
          ? `no answer from Binance for ${limits.requestMsMax} ms`
          : `the request to Binance failed: ${messageOf(error)}`,
      );
    } finally {
      cancel();
    }
  }

  #read(status: number, text: string, retryAfter: string | undefined): unknown {
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      // Proxies answer errors with pages.
      body = undefined;
    }
    if (status === 200 && body !== undefined) return body;
    const { code, msg } = (body ?? {}) as { readonly code?: unknown; readonly msg?: unknown };
    const error = new RestError(
      `Binance answered ${status}${typeof msg === "string" ? `: ${msg}` : ""}`,
      status,
      typeof code === "number" ? code : undefined,
    );
    if (error.isRefusal) {
      const seconds = Number(retryAfter);
      const pauseMs = seconds > 0 ? seconds * 1_000 : REFUSED_MS;
      this.#refusedUntilMs = this.#options.clock.now() + pauseMs;
    }
    throw error;
  }
}
