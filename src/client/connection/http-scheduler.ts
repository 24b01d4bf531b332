/**
 * All of the client's HTTP. At most one request of low priority (a snapshot, a poll) is in flight.
 * Requests for rows and messages to the server start at once. A row aborts the low-priority request
 * once, since both may share a connection; that request starts again afterwards.
 */
import type { Clock } from "../../std/clock.ts";
import type { RequestKind } from "../port.ts";
import { REQUESTS_WAITING_MAX, ROW_REQUEST_MS_MAX, UP_REQUEST_MS_MAX } from "../limits.ts";

/** Of the platform, it takes an address; in the engine, a route (`routeAddress`). */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const IS_LOW: Readonly<Record<RequestKind, boolean>> = {
  row: false,
  up: false,
  snapshot: true,
  poll: true,
};

interface Entry {
  readonly kind: RequestKind;
  readonly url: string;
  readonly init: RequestInit;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
  /** Aborts the present attempt. */
  abort: AbortController;
  wasOvertaken: boolean;
}

export class HttpScheduler {
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #waiting: Entry[] = [];
  readonly #pending: Record<RequestKind, number> = { row: 0, snapshot: 0, poll: 0, up: 0 };
  #low: Entry | undefined;
  #rows = 0;

  constructor(fetch: Fetch, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Requests in flight and waiting, by kind. */
  get pending(): Readonly<Record<RequestKind, number>> {
    return { ...this.#pending };
  }

  /**
   * Like `fetch`, but resolves once the whole body has come: until then the request counts as in
   * flight.
   */
  request(
    kind: RequestKind,
    url: string,
    init: RequestInit = {},
    signal?: AbortSignal,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        kind,
        url,
        init,
        resolve,
        reject,
        signal,
        abort: new AbortController(),
        wasOvertaken: false,
        onAbort: () => this.#drop(entry),
      };
      signal?.addEventListener("abort", entry.onAbort, { once: true });
      this.#pending[kind]++;
      if (!IS_LOW[kind]) {
        if (kind === "row") this.#overtake();
        void this.#run(entry);
        return;
      }
      this.#waiting.push(entry);
      if (this.#waiting.length > REQUESTS_WAITING_MAX)
        this.#waiting.shift()?.reject(new Error("too many requests wait"));
      this.#next();
    });
  }

  #overtake(): void {
    this.#rows++;
    const low = this.#low;
    if (low === undefined || low.wasOvertaken) return;
    low.wasOvertaken = true;
    this.#low = undefined;
    low.abort.abort();
    low.abort = new AbortController();
    this.#waiting.unshift(low);
  }

  #next(): void {
    if (this.#low !== undefined || this.#rows > 0) return;
    this.#low = this.#waiting.shift();
    if (this.#low !== undefined) void this.#run(this.#low);
  }

  async #run(entry: Entry): Promise<void> {
    const { abort, kind } = entry;
    const cancel = IS_LOW[kind]
      ? undefined
      : this.#clock.after(kind === "row" ? ROW_REQUEST_MS_MAX : UP_REQUEST_MS_MAX, () =>
          abort.abort(),
        );
    try {
      const response = await this.#fetch(entry.url, { ...entry.init, signal: abort.signal });
      // The request counts as in flight until its whole body has been read.
      const body = await response.text();
      if (entry.abort !== abort) return;
      this.#settle(entry);
      entry.resolve(
        new Response(response.status === 204 ? null : body, {
          status: response.status,
          headers: response.headers,
        }),
      );
    } catch (error) {
      if (entry.abort !== abort) return;
      this.#settle(entry);
      entry.reject(error);
    } finally {
      cancel?.();
      if (kind === "row") this.#rows--;
      this.#next();
    }
  }

  #settle(entry: Entry): void {
    this.#pending[entry.kind]--;
    entry.signal?.removeEventListener("abort", entry.onAbort);
    if (this.#low === entry) this.#low = undefined;
  }

  #drop(entry: Entry): void {
    const index = this.#waiting.indexOf(entry);
    if (index < 0) {
      entry.abort.abort();
      return;
    }
    this.#waiting.splice(index, 1);
    this.#settle(entry);
    entry.reject(entry.signal?.reason);
  }
}
