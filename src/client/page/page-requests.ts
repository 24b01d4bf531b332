/**
 * HTTP requests of the page. The engine makes them, so that all of the client's HTTP goes through
 * one scheduler; here they wait for their answers.
 */
import { TidemarkError, type ErrorCode } from "../../std/errors.ts";
import type { RequestKind, ToEngine } from "../port.ts";

/** Status 0: no answer came. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

export interface PageRequestsOptions {
  readonly post: (message: ToEngine) => void;
  readonly headers: () => Readonly<Record<string, string>>;
}

export class PageRequests {
  readonly #options: PageRequestsOptions;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #nextId = 1;
  #isStopped = false;

  constructor(options: PageRequestsOptions) {
    this.#options = options;
  }

  /** With a `body` it is a POST. @throws TidemarkError `STOPPED` */
  send(
    route: string,
    purpose: RequestKind,
    signal: AbortSignal | undefined,
    body?: string,
  ): Promise<Answer> {
    if (this.#isStopped || signal?.aborted === true)
      return Promise.reject(
        new TidemarkError("STOPPED", "The client was closed, or the request was canceled."),
      );
    const { post, headers } = this.#options;
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      signal?.addEventListener("abort", () => post({ kind: "abort", id }), { once: true });
      post({
        kind: "fetch",
        id,
        route,
        purpose,
        headers: headers(),
        ...(body !== undefined && { body }),
      });
    });
  }

  answered(id: number, { status, body }: Answer): void {
    this.#waiting.get(id)?.({ status, body });
    this.#waiting.delete(id);
  }

  /** Rejects all waiting requests. */
  stop(): void {
    this.#isStopped = true;
    for (const id of this.#waiting.keys()) this.answered(id, { status: 0, body: "" });
  }
}

/**
 * The object that the server answered with. @throws TidemarkError as the server says; `STOPPED`
 * when no answer came
 */
export function bodyOf<T>({ status, body }: Answer): T {
  if (status === 0)
    throw new TidemarkError("STOPPED", "No answer came from the server. Try again.");
  if (!body.startsWith("{"))
    throw new TidemarkError(
      "INTERNAL",
      `The answer, with HTTP ${status}, is not from a Tidemark server.`,
    );
  const answer = JSON.parse(body) as T & { readonly code?: ErrorCode; readonly message?: string };
  if (status === 200) return answer;
  throw new TidemarkError(answer.code ?? "INTERNAL", answer.message ?? `HTTP ${status}`);
}
