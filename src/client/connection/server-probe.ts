/**
 * One small HTTP request before a whole handshake: while the server is away, nothing else is tried,
 * so a page may look for it often. Browsers also delay WebSockets after many that failed.
 */
import type { Fetch } from "./http-scheduler.ts";
import { RETRY_AFTER_MS_MAX } from "../limits.ts";

export type ServerAnswer =
  | { readonly kind: "tidemark" }
  /** Another answer: of a proxy, or of an application beside Tidemark. */
  | {
      readonly kind: "other";
      readonly status: number;
      /** Why Tidemark refuses: it would refuse the stream, too. */
      readonly refusal?: { readonly code: string; readonly message: string };
    }
  /** No answer, or that of a gateway without a server behind it. */
  | { readonly kind: "away" }
  | { readonly kind: "busy"; readonly retryAfterMs: number | undefined };

const GATEWAY_ERRORS: ReadonlySet<number> = new Set([502, 504]);
const NOT_NOW: ReadonlySet<number> = new Set([429, 503]);

export class ServerProbe {
  readonly #fetch: Fetch | undefined;
  /** Why the server refused the last request; empty if it did not. */
  #refusal = "";
  /** Attempts in a row that did not lead to a connection. */
  #failures = 0;
  #isThere = false;
  #asking: AbortController | undefined;

  /** `fetch` takes routes. */
  constructor(fetch: Fetch | undefined) {
    this.#fetch = fetch;
  }

  /** A server gave the last answer: it is there, and takes no connection. */
  get isThere(): boolean {
    return this.#isThere;
  }

  /**
   * Whether the next attempt begins with a request. The first two do not, nor does every attempt
   * whose number is a power of two: a page's policy may allow WebSockets alone.
   */
  get isDue(): boolean {
    return this.#fetch !== undefined && (this.#failures & (this.#failures - 1)) !== 0;
  }

  /** A request has no answer yet. */
  get isAsking(): boolean {
    return this.#asking !== undefined;
  }

  get refusal(): string {
    return this.#refusal;
  }

  get failures(): number {
    return this.#failures;
  }

  failed(): void {
    this.#failures++;
  }

  connected(): void {
    this.#failures = 0;
    this.#isThere = false;
    this.#refusal = "";
  }

  async ask(): Promise<ServerAnswer> {
    this.stop();
    const asking = new AbortController();
    this.#asking = asking;
    const answer = await this.#request(asking.signal).catch(() => ({ kind: "away" }) as const);
    if (this.#asking !== asking) return answer;
    this.#asking = undefined;
    this.#isThere = answer.kind !== "away";
    this.#refusal = answer.kind === "other" ? (answer.refusal?.message ?? "") : "";
    return answer;
  }

  /** Gives the request up. */
  stop(): void {
    this.#asking?.abort();
    this.#asking = undefined;
  }

  async #request(signal: AbortSignal): Promise<ServerAnswer> {
    const response = await this.#fetch?.("/changes", { cache: "no-store", signal });
    if (response === undefined || GATEWAY_ERRORS.has(response.status)) return { kind: "away" };
    if (NOT_NOW.has(response.status))
      return { kind: "busy", retryAfterMs: retryAfterMs(response.headers.get("retry-after")) };
    // Tidemark itself refuses a request without channels.
    const body: unknown = await response.json().catch(() => undefined);
    const { code, message } = (body ?? {}) as {
      readonly code?: unknown;
      readonly message?: unknown;
    };
    if (code === "BAD_MESSAGE") return { kind: "tidemark" };
    const { status } = response;
    if (typeof code !== "string" || typeof message !== "string") return { kind: "other", status };
    return { kind: "other", status, refusal: { code, message } };
  }
}

/** Seconds, as servers send them; a date would need the server's clock. */
function retryAfterMs(header: string | null): number | undefined {
  return header !== null && /^\d+$/.test(header)
    ? Math.min(Number(header) * 1_000, RETRY_AFTER_MS_MAX)
    : undefined;
}
