/** What a route is asked and what it answers, without a framework: `http.ts` maps both to HTTP, the simulator takes them as they are. */
import { TidemarkError, type ErrorCode } from "../../std/errors.ts";
import { failureOf, MutationError } from "../../protocol/mutation-error.ts";
import type { ErrorMessage } from "../../protocol/messages/error.ts";
import type { ConnectionRequest } from "../turn/dialect.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | null;
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  FORBIDDEN_ORIGIN: 403,
  UNKNOWN_CHANNEL: 404,
  UNKNOWN_ROW: 404,
  UNKNOWN_SESSION: 404,
  UNKNOWN_MUTATION: 404,
  STALE_WRITE: 409,
  MUTATION_CONFLICT: 409,
  MUTATION_FAILED: 500,
  BAD_IDENTITY: 500,
  NOT_READY: 503,
  SOURCE_DOWN: 503,
  LOG_FULL: 503,
  TOO_MANY_VIEWS: 503,
  VIEW_TOO_LARGE: 503,
  INTERNAL: 500,
};

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

/** Undefined for what is no error of ours: the caller logs it, and says `INTERNAL`. */
export function errorReply(error: unknown): Reply | undefined {
  if (error instanceof MutationError)
    return jsonReply(
      { ...failureOf(error), retryable: false },
      STATUS[error.code as ErrorCode] ?? 400,
    );
  if (!(error instanceof TidemarkError)) return undefined;
  const { code, message, retryable } = error;
  return jsonReply({ code, message, retryable }, STATUS[code] ?? 400);
}

/** What a stream refused before it said anything; undefined for one that ended before it was whole. */
export function refusalReply(refusal: ErrorMessage | undefined): Reply {
  if (refusal === undefined)
    return jsonReply(
      {
        code: "NOT_READY",
        message: "The answer ended before it was whole. Try again.",
        retryable: true,
      },
      503,
    );
  const { code, message, retryable } = refusal;
  return jsonReply({ code, message, retryable }, STATUS[code as ErrorCode] ?? 400);
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
