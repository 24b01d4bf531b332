/**
 * Requests that the page asks the engine to make, so that all of the client's HTTP goes through one
 * scheduler.
 */
import type { HttpScheduler } from "../connection/http-scheduler.ts";
import type { ToEngine, ToPage } from "../port.ts";

export class PageFetches {
  readonly #http: HttpScheduler;
  readonly #post: (message: ToPage) => void;
  readonly #session: () => string;
  readonly #aborts = new Map<number, AbortController>();

  constructor(http: HttpScheduler, post: (message: ToPage) => void, session: () => string) {
    this.#http = http;
    this.#post = post;
    this.#session = session;
  }

  async fetch({ id, route, purpose, headers, body }: ToEngine & { kind: "fetch" }): Promise<void> {
    const abort = new AbortController();
    this.#aborts.set(id, abort);
    try {
      const response = await this.#http.request(
        purpose,
        route.replace("{session}", () => encodeURIComponent(this.#session())),
        body === undefined ? { headers } : { headers, method: "POST", body },
        abort.signal,
      );
      this.#post({ kind: "fetched", id, status: response.status, body: await response.text() });
    } catch {
      this.#post({ kind: "fetched", id, status: 0, body: "" });
    } finally {
      this.#aborts.delete(id);
    }
  }

  abort(id: number): void {
    this.#aborts.get(id)?.abort();
  }
}
