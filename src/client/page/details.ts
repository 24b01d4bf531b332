/** Single rows over HTTP, for what a page opens: kept for a while, at most so many, the least used go first. */
import type { Clock } from "../../std/clock.ts";
import { TidemarkError, type ErrorCode } from "../../std/errors.ts";
import type { Row } from "../../protocol/row.ts";

export interface Detail<R = Row> {
  readonly epoch: string;
  /** The commit that last changed the row, and its time. */
  readonly seq: number;
  readonly committed_unix_ms: number;
  /** The server's position when it answered. */
  readonly as_of_seq: number;
  readonly row: R;
}

export interface DetailLimits {
  /** Default 200. */
  readonly rowsMax: number;
  /** Default 5,000. */
  readonly ttlMs: number;
}

const DETAIL_LIMITS: DetailLimits = { rowsMax: 200, ttlMs: 5_000 };

/** Answers a request with its status and body; status 0 for none. */
export type FetchText = (
  url: string,
  signal: AbortSignal | undefined,
) => Promise<{ readonly status: number; readonly body: string }>;

export class Details {
  readonly #fetch: FetchText;
  readonly #clock: Clock;
  readonly #limits: DetailLimits;
  readonly #kept = new Map<string, { readonly detail: Detail; readonly atMs: number }>();

  constructor(options: {
    readonly fetch: FetchText;
    readonly clock: Clock;
    readonly limits: Partial<DetailLimits> | undefined;
  }) {
    this.#fetch = options.fetch;
    this.#clock = options.clock;
    this.#limits = { ...DETAIL_LIMITS, ...options.limits };
  }

  /** Rights may have changed: nothing is answered from what is kept. */
  forget(): void {
    this.#kept.clear();
  }

  /** @throws TidemarkError `UNKNOWN_ROW`, `FORBIDDEN`, … as the server says; `STOPPED` when no answer came */
  async get(url: string, signal: AbortSignal | undefined): Promise<Detail> {
    const known = this.#kept.get(url);
    this.#kept.delete(url);
    if (known !== undefined && this.#clock.monotonic() - known.atMs <= this.#limits.ttlMs) {
      this.#kept.set(url, known);
      return known.detail;
    }
    const { status, body } = await this.#fetch(url, signal);
    if (status === 0)
      throw new TidemarkError("STOPPED", "No answer came from the server. Try again.");
    if (!body.startsWith("{"))
      throw new TidemarkError(
        "INTERNAL",
        `Something else than the server answered, with HTTP ${status}.`,
      );
    const answer = JSON.parse(body) as Detail & {
      readonly code?: ErrorCode;
      readonly message?: string;
    };
    if (status !== 200)
      throw new TidemarkError(answer.code ?? "INTERNAL", answer.message ?? `HTTP ${status}`);
    this.#kept.set(url, { detail: answer, atMs: this.#clock.monotonic() });
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size > this.#limits.rowsMax && oldest !== undefined) this.#kept.delete(oldest);
    return answer;
  }
}
