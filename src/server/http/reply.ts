/**
 * The answers of routes, without a framework: `http.ts` maps them to HTTP, the simulator uses them
 * directly. The status of an error comes from the table of errors.
 */
import { errorEntryOf } from "../../std/error-codes.ts";
import { TidemarkError } from "../../std/errors.ts";
import { failureOf, MutationError } from "../../protocol/mutation-error.ts";
import type { ErrorMessage } from "../../protocol/messages/error.ts";
import type { ConnectionRequest } from "../turn/dialect.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | null;
}

/** The status of an HTTP answer with this code; 400 for a code of the application's own. */
export function statusOf(code: string): number {
  return errorEntryOf(code)?.status ?? 400;
}

export function jsonReply(
  body: object,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Reply {
  return {
    status,
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
}

/** Undefined for an error of another class: the caller logs it and answers `INTERNAL`. */
export function errorReply(error: unknown): Reply | undefined {
  if (error instanceof MutationError)
    return jsonReply({ ...failureOf(error), retryable: false }, statusOf(error.code));
  if (!(error instanceof TidemarkError)) return undefined;
  const { code, message, retryable } = error;
  const status = statusOf(code);
  const headers = status === 429 && retryable ? RETRY_SOON : {};
  return jsonReply({ code, message, retryable }, status, headers);
}

/** In seconds. What is full takes requests again as soon as others have been answered. */
const RETRY_SOON = { "Retry-After": "1" };

/**
 * The answer of a stream that was refused before it sent anything; without a refusal, it ended
 * before it was complete.
 */
export function refusalReply(refusal: ErrorMessage | undefined): Reply {
  if (refusal === undefined)
    return jsonReply(
      {
        code: "NOT_READY",
        message: "The answer ended before it was complete. Try again.",
        retryable: true,
      },
      503,
    );
  const { code, message, retryable } = refusal;
  return jsonReply({ code, message, retryable }, statusOf(code));
}

export const INTERNAL_REPLY: Reply = jsonReply(
  {
    code: "INTERNAL",
    message: "The server failed to answer; its log has the cause.",
    retryable: false,
  },
  500,
);

/** A parameter of the address. */
export function parameter({ url }: ConnectionRequest, name: string): string | undefined {
  const at = url.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : url.slice(at + 1)).get(name) ?? undefined;
}

export function header({ headers }: ConnectionRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}
