/** Parses client frames: untrusted text becomes a checked message, or `BAD_MESSAGE`. */
import { TidemarkError } from "../std/errors.ts";
import {
  cursor as cursorSchema,
  type Cursor,
  type SubscriptionRequest,
} from "./messages/subscribe.ts";
import { parseQuery } from "./parse-query.ts";
import type { WireQuery } from "./query.ts";
import { checked } from "./schema-check.ts";
import { isRecord, type Schema } from "./schema.ts";
import { UP, type UpMessage } from "./up.ts";

const SCHEMAS = new Map<unknown, Schema<UpMessage>>(Object.entries(UP));

/**
 * Queries inside stay raw (`unknown` behind the type): each is parsed on its own by
 * `parseSubscription`, so that one bad query fails alone.
 * @throws TidemarkError `BAD_MESSAGE`, with the path of what is wrong
 */
export function parseUp(text: string): UpMessage {
  return checkUp(parseJson(text));
}

/** The same for a value that is JSON already. */
export function checkUp(value: unknown): UpMessage {
  if (!isRecord(value)) throw bad("a frame must be a JSON object");
  const schema = SCHEMAS.get(value["op"]);
  if (schema !== undefined) return checked(schema, value, "BAD_MESSAGE");
  const op = typeof value["op"] === "string" ? JSON.stringify(value["op"].slice(0, 50)) : "none";
  throw bad(`op: must be one of ${Object.keys(UP).join(", ")}; it is ${op}`);
}

/**
 * Splits one subscription into its query and its cursor. `at` is its path in the frame.
 * @throws TidemarkError `BAD_QUERY`, and `BAD_MESSAGE` for the cursor
 */
export function parseSubscription(
  request: SubscriptionRequest,
  at = "",
): { query: WireQuery; cursor: Cursor | undefined } {
  if (!isRecord(request)) return { query: parseQuery(request, at), cursor: undefined };
  const { cursor, ...query } = request as { readonly cursor?: unknown };
  return {
    query: parseQuery(query, at),
    cursor:
      cursor == null
        ? undefined
        : checked(cursorSchema, cursor, "BAD_MESSAGE", at === "" ? "cursor" : `${at}.cursor`),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TidemarkError("BAD_MESSAGE", "Bad message: a frame is one JSON object as text.", {
      cause,
    });
  }
}

function bad(message: string): TidemarkError {
  return new TidemarkError("BAD_MESSAGE", `Bad message: ${message}.`);
}
