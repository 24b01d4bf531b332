/** The edge for client frames: untrusted text in, a checked message out, or `BAD_MESSAGE`. */
import { TidemarkError } from "../std/errors.ts";
import { PROTOCOL_LIMITS } from "./limits.ts";
import type { Cursor, SubscriptionRequest } from "./messages/subscribe.ts";
import type { Mutate } from "./messages/mutate.ts";
import { parseQuery, type Query } from "./query.ts";
import type { UpMessage } from "./up.ts";

const OPS = "IDENTIFY, RESUME, SUBSCRIBE, UNSUBSCRIBE, RESYNC, CREDIT, MUTATE, HEARTBEAT";

/**
 * Queries inside stay raw (`unknown` behind the type): each is parsed on its own by
 * `parseSubscription`, so that one bad query fails alone.
 * @throws TidemarkError `BAD_MESSAGE`
 */
export function parseUp(text: string): UpMessage {
  return checkUp(parseJson(text));
}

/** The same for what is no text any more. */
export function checkUp(value: unknown): UpMessage {
  const message = record(value, "a frame");
  switch (message["op"]) {
    case "IDENTIFY":
      return {
        op: "IDENTIFY",
        auth: message["auth"],
        subscriptions: requests(message["subscriptions"] ?? []),
        ...(message["snapshot_seq"] != null && { snapshot_seq: position(message["snapshot_seq"]) }),
        ...(message["epoch"] != null && { epoch: word(message["epoch"], "epoch") }),
      };
    case "RESUME":
      return {
        op: "RESUME",
        session_id: word(message["session_id"], "session_id"),
        auth: message["auth"],
        subscriptions: requests(message["subscriptions"] ?? []),
        ...(message["last_seq"] != null && { last_seq: position(message["last_seq"]) }),
      };
    case "RESYNC":
      return {
        op: "RESYNC",
        ...optionalId(message["id"]),
        view: word(message["view"], "view"),
        ...(message["seq"] != null && { seq: position(message["seq"]) }),
        ...((message["reason"] === "gap" || message["reason"] === "drift") && {
          reason: message["reason"],
        }),
      };
    case "CREDIT":
      return {
        op: "CREDIT",
        ...(message["turns"] !== undefined && { turns: credit(message["turns"]) }),
        ...(message["channel_credit"] !== undefined && {
          channel_credit: credits(message["channel_credit"]),
        }),
      };
    case "SUBSCRIBE":
      return {
        op: "SUBSCRIBE",
        ...optionalId(message["id"]),
        subscriptions: requests(message["subscriptions"]),
      };
    case "UNSUBSCRIBE":
      return {
        op: "UNSUBSCRIBE",
        views: list(message["views"], "views").map((view) => word(view, "a view")),
      };
    case "MUTATE":
      return mutate(message);
    case "HEARTBEAT":
      return {
        op: "HEARTBEAT",
        ...(typeof message["client_time_unix_ms"] === "number" && {
          client_time_unix_ms: message["client_time_unix_ms"],
        }),
      };
    default:
      throw bad(`unknown op ${JSON.stringify(message["op"])}; a client sends ${OPS}`);
  }
}

/** Splits one subscription into its query and its cursor. @throws TidemarkError `BAD_QUERY`, `BAD_MESSAGE` */
export function parseSubscription(request: SubscriptionRequest): {
  query: Query;
  cursor: Cursor | undefined;
} {
  if (typeof request === "string") return { query: parseQuery(request), cursor: undefined };
  const { cursor, ...query } = record(request, "a subscription");
  return { query: parseQuery(query), cursor: cursor == null ? undefined : parseCursor(cursor) };
}

function parseCursor(input: unknown): Cursor {
  const cursor = record(input, "a cursor");
  return {
    epoch: word(cursor["epoch"], "epoch"),
    view: word(cursor["view"], "view"),
    seq: position(cursor["seq"]),
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

function requests(input: unknown): readonly SubscriptionRequest[] {
  return list(input, "subscriptions") as readonly SubscriptionRequest[];
}

function mutate(message: Record<string, unknown>): Mutate {
  const { name, position: landed, expected_seq, epoch } = message;
  if ((name === undefined) === (landed === undefined))
    throw bad("MUTATE has either a name or a position");
  return {
    op: "MUTATE",
    mutation_id: parseMutationId(message["mutation_id"]),
    ...(name !== undefined && { name: word(name, "name"), input: message["input"] }),
    ...(landed !== undefined && { position: word(landed, "position") }),
    ...(expected_seq != null && { expected_seq: position(expected_seq) }),
    ...(epoch != null && { epoch: word(epoch, "epoch") }),
  };
}

/** @throws TidemarkError `BAD_MESSAGE` */
function parseMutationId(value: unknown): string {
  if (typeof value === "string" && /^[\w-]{8,64}$/.test(value)) return value;
  throw bad("mutation_id is 8 to 64 letters, digits, _ and -");
}

function optionalId(value: unknown): { id?: number } {
  if (value === undefined) return {};
  if (typeof value !== "number" || !Number.isSafeInteger(value))
    throw bad('"id" is a whole number');
  return { id: value };
}

function position(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw bad("a seq is a whole number of at least 0");
}

function credit(value: unknown): number | null {
  if (value === null || (typeof value === "number" && Number.isSafeInteger(value) && value >= 0))
    return value;
  throw bad("credit is a whole number of at least 0, or null for no limit");
}

function credits(value: unknown): Record<string, number | null> {
  const names = Object.entries(record(value, "channel_credit"));
  if (names.length > PROTOCOL_LIMITS.listMax)
    throw bad(`"channel_credit" names at most ${PROTOCOL_LIMITS.listMax}`);
  const entries = names.map(([name, turns]) => [word(name, "a channel"), credit(turns)] as const);
  return Object.fromEntries(entries);
}

function word(value: unknown, what: string): string {
  if (typeof value === "string" && value.length <= 512) return value;
  throw bad(`${what} is a text of at most 512 characters`);
}

function list(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value) && value.length <= PROTOCOL_LIMITS.listMax) return value;
  throw bad(`"${what}" is a list of at most ${PROTOCOL_LIMITS.listMax}`);
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw bad(`${what} is a JSON object`);
}

function bad(message: string): TidemarkError {
  return new TidemarkError("BAD_MESSAGE", `Bad message: ${message}.`);
}
