/**
 * All of the client's HTTP. At most one request of low priority (a snapshot, a poll) is in flight; a
 * detail, and what the client says, never waits for one: it goes at once, and the low one, which it
 * may share a connection with, is aborted the first time and begins again afterwards.
 */
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { RequestKind } from "../port.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const IS_LOW: Readonly<Record<RequestKind, boolean>> = {
  detail: false,
  up: false,
  snapshot: true,
  poll: true,
};

/** A detail that has not been answered by then is given up: others wait behind it. */
const DETAIL_MS_MAX = 10_000;
/** What the client says waits for the server to have done it, but not for ever. */
const UP_MS_MAX = 30_000;
/** Low requests that may wait. Full: the oldest fails with `STOPPED`. */
const WAITING_MAX = 16;

interface Entry {
  readonly kind: RequestKind;
  readonly url: string;
  readonly init: RequestInit;
  readonly resolve: (response: Response) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  readonly onAbort: () => void;
  /** Of the attempt under way. */
  abort: AbortController;
  wasOvertaken: boolean;
}

export class HttpScheduler {
  readonly #fetch: Fetch;
  readonly #clock: Clock;
  readonly #waiting: Entry[] = [];
  readonly #pending: Record<RequestKind, number> = { detail: 0, snapshot: 0, poll: 0, up: 0 };
  #low: Entry | undefined;
  #details = 0;

  constructor(fetch: Fetch, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Requests in flight and waiting, by kind. */
  get pending(): Readonly<Record<RequestKind, number>> {
    return { ...this.#pending };
  }

  /** As `fetch`, but resolves when the body has come too, since a body that is coming holds its place. */
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
        if (kind === "detail") this.#overtake();
        void this.#run(entry);
        return;
      }
      this.#waiting.push(entry);
      if (this.#waiting.length > WAITING_MAX)
        this.#waiting
          .shift()
          ?.reject(
            new TidemarkError("STOPPED", "Too many requests wait; the oldest was given up."),
          );
      this.#next();
    });
  }

  #overtake(): void {
    this.#details++;
    const low = this.#low;
    if (low === undefined || low.wasOvertaken) return;
    low.wasOvertaken = true;
    this.#low = undefined;
    low.abort.abort();
    low.abort = new AbortController();
    this.#waiting.unshift(low);
  }

  #next(): void {
    if (this.#low !== undefined || this.#details > 0) return;
    this.#low = this.#waiting.shift();
    if (this.#low !== undefined) void this.#run(this.#low);
  }

  async #run(entry: Entry): Promise<void> {
    const { abort, kind } = entry;
    const cancel = IS_LOW[kind]
      ? undefined
      : this.#clock.after(kind === "detail" ? DETAIL_MS_MAX : UP_MS_MAX, () => abort.abort());
    try {
      const response = await this.#fetch(entry.url, { ...entry.init, signal: abort.signal });
      // A body that is still coming holds its place: it is read here, whole.
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
      if (kind === "detail") this.#details--;
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
