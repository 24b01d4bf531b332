/**
 * The routes that carry the stream where a WebSocket can't connect: server-sent events, long polls
 * and plain polls, the POSTs of their clients, and dialects over plain HTTP.
 */
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { Identify } from "../../protocol/messages/identify.ts";
import type { Resume } from "../../protocol/messages/resume.ts";
import type { SubscriptionRequest } from "../../protocol/messages/subscribe.ts";
import { PROTOCOL_LIMITS } from "../../protocol/limits.ts";
import { parseUp } from "../../protocol/parse-up.ts";
import type { Engine } from "../engine.ts";
import { JSON_DIALECT } from "../session/json-dialect.ts";
import { parseChannels } from "../session/http-snapshots.ts";
import { parseEventId, type SharedCursor } from "../session/shared-cursor.ts";
import type { ConnectionRequest, Dialect, DialectConnection } from "../turn/dialect.ts";
import type { Session } from "../turn/session.ts";
import { HttpStreamTransport, type BodySink, type StreamFormat } from "./http-stream.ts";
import { header, parameter } from "./reply.ts";

export interface StreamRoutesOptions {
  readonly engine: Engine;
  readonly clock: Clock;
}

/**
 * Begins the answer; called when the request has been checked. Sends the head at once, or, with
 * `isLazy`, together with the first text.
 */
export type OpenBody = (contentType: string, isLazy?: boolean) => BodySink;

const SUBSCRIPTIONS_SHAPE = `subscriptions is a JSON list of at most ${PROTOCOL_LIMITS.listMax} channel names and queries.`;

export class StreamRoutes {
  readonly #options: StreamRoutesOptions;

  constructor(options: StreamRoutesOptions) {
    this.#options = options;
  }

  /**
   * A client that posts its IDENTIFY names no subscriptions here. @throws TidemarkError, as all do
   * before `open` is called
   */
  events(request: ConnectionRequest, open: OpenBody): Session {
    const identify = identifyOf(request);
    const at = parseEventId(header(request, "last-event-id"));
    const session = this.#connect(
      request,
      JSON_DIALECT,
      JSON_DIALECT.connect(request),
      this.#eventsFormat(),
      () => open("text/event-stream; charset=utf-8"),
    );
    if (identify !== undefined) this.#options.engine.gateway.identify(session, identify, at);
    return session;
  }

  /**
   * `body`: the IDENTIFY or RESUME of a POST; without a body the address names the subscriptions.
   */
  poll(request: ConnectionRequest, body: string | undefined, open: OpenBody): Session {
    const { clock, engine } = this.#options;
    const [message, at] =
      body === undefined
        ? [addressedIdentify(request), sharedCursorOf(request)]
        : [greetingOf(body), undefined];
    const endMs =
      clock.monotonic() + waitMs(parameter(request, "wait_ms"), engine.limits.pollWaitMsMax);
    const format: StreamFormat = { kind: "lines", isOver: () => clock.monotonic() >= endMs };
    const session = this.#connect(
      request,
      JSON_DIALECT,
      JSON_DIALECT.connect(request),
      format,
      () => open("application/x-ndjson; charset=utf-8"),
    );
    engine.gateway.identify(session, message, at);
    return session;
  }

  /** A dialect whose carrier is `sse` or `http`. */
  dialect(request: ConnectionRequest, dialect: Dialect, open: OpenBody): Session {
    const connection = dialect.connect(request);
    const { clock } = this.#options;
    const { firstTextMsMax } = dialect;
    const isStream = dialect.carrier === "sse";
    const endMs = clock.monotonic() + (firstTextMsMax ?? 0);
    const format: StreamFormat = isStream
      ? { kind: "events" }
      : {
          kind: "lines",
          isOver: () => clock.monotonic() >= endMs,
          isWholeOnly: true,
          needsText: firstTextMsMax !== undefined,
        };
    const contentType = isStream
      ? "text/event-stream; charset=utf-8"
      : (dialect.contentType ?? "application/x-ndjson; charset=utf-8");
    const session = this.#connect(request, dialect, connection, format, () =>
      open(contentType, !isStream),
    );
    this.#options.engine.gateway.begin(session);
    return session;
  }

  /** Receives the messages of a one-way stream's client, one per line. */
  async up(request: ConnectionRequest, read: () => Promise<string>): Promise<void> {
    const { gateway } = this.#options.engine;
    const session = gateway.oneWaySession(parameter(request, "session") ?? "");
    if (session === undefined)
      throw new TidemarkError(
        "UNKNOWN_SESSION",
        "This process has no such session. Connect again.",
      );
    for (const line of (await read()).split("\n")) if (line !== "") gateway.receive(session, line);
  }

  #eventsFormat(): StreamFormat {
    const { replica } = this.#options.engine;
    return { kind: "events", cursor: () => `${replica.epoch}:${replica.seq}` };
  }

  #connect(
    request: ConnectionRequest,
    dialect: Dialect,
    connection: DialectConnection,
    format: StreamFormat,
    open: () => BodySink,
  ): Session {
    const transport = new HttpStreamTransport(open(), format);
    const session = this.#options.engine.gateway.connect(transport, {
      request,
      dialect,
      connection,
    });
    transport.session = session;
    return session;
  }
}

function greetingOf(body: string): Identify | Resume {
  const message = parseUp(body);
  if (message.op === "IDENTIFY" || message.op === "RESUME") return message;
  throw new TidemarkError("BAD_MESSAGE", "A poll's body is an IDENTIFY or a RESUME.");
}

function addressedIdentify(request: ConnectionRequest): Identify {
  const identify = identifyOf(request);
  if (identify !== undefined) return identify;
  throw new TidemarkError(
    "BAD_MESSAGE",
    "Name the subscriptions: ?channels=a,b or ?subscriptions=[…].",
  );
}

/** `channels=a,b` or `subscriptions=[…]` as an IDENTIFY; undefined where there is neither. */
function identifyOf(request: ConnectionRequest): Identify | undefined {
  const channels = parameter(request, "channels");
  const subscriptions = parameter(request, "subscriptions");
  if (subscriptions === undefined && channels === undefined) return undefined;
  return {
    op: "IDENTIFY",
    subscriptions:
      subscriptions === undefined
        ? parseChannels(channels ?? "", PROTOCOL_LIMITS.listMax)
        : subscriptionsOf(subscriptions),
  };
}

function subscriptionsOf(text: string): readonly SubscriptionRequest[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw new TidemarkError("BAD_MESSAGE", SUBSCRIPTIONS_SHAPE, { cause });
  }
  if (!Array.isArray(list) || list.length > PROTOCOL_LIMITS.listMax)
    throw new TidemarkError("BAD_MESSAGE", SUBSCRIPTIONS_SHAPE);
  return list as readonly SubscriptionRequest[];
}

/** `cursor=epoch:seq[:hashes]`: the seq up to which the client has the named views. */
function sharedCursorOf(request: ConnectionRequest): SharedCursor | undefined {
  const text = parameter(request, "cursor");
  if (text === undefined) return undefined;
  const cursor = parseEventId(text);
  if (cursor !== undefined) return cursor;
  const [, epoch, seq] = /^(\w+):(\d{1,15})$/.exec(text) ?? [];
  if (epoch === undefined)
    throw new TidemarkError("BAD_MESSAGE", "cursor is epoch:seq, as in an earlier answer.");
  return { epoch, seq: Number(seq) };
}

function waitMs(text: string | undefined, maxMs: number): number {
  if (text === undefined) return 0;
  if (/^\d{1,6}$/.test(text)) return Math.min(Number(text), maxMs);
  throw new TidemarkError("BAD_MESSAGE", "wait_ms is a whole number of milliseconds.");
}
