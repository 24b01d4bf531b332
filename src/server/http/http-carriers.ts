/**
 * The routes that carry the stream where a WebSocket can't go: server-sent events, polls that wait
 * and polls that don't, and what their clients say by POST.
 */
import type { ServerResponse } from "node:http";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context, Hono } from "hono";
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import { CLOSE } from "../../protocol/close-codes.ts";
import { PROTOCOL_LIMITS } from "../../protocol/limits.ts";
import type { Identify } from "../../protocol/messages/identify.ts";
import type { SubscriptionRequest } from "../../protocol/messages/subscribe.ts";
import { parseUp } from "../../protocol/parse-up.ts";
import type { Engine } from "../engine.ts";
import type { Paths } from "./http.ts";
import { HttpStreamTransport, parseEventId, type BodySink, type StreamFormat } from "./http-stream.ts";
import type { Position } from "../session/seating.ts";
import type { Session } from "../turn/session.ts";
import { connectionRequest } from "./websocket.ts";

type Env = { Bindings: HttpBindings };

const NOTHING = Buffer.alloc(0);
const END_GRACE_MS = 2_000;
/** A poll waits at most this long for something to happen. */
const WAIT_MS_MAX = 60_000;

export interface CarrierOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly paths: Paths;
  readonly canConnect: () => boolean;
}

export function addCarriers(app: Hono<Env>, { engine, clock, paths, canConnect }: CarrierOptions): void {
  const { gateway } = engine;

  const begin = (context: Context<Env>, format: StreamFormat, type: string): Session => {
    if (!canConnect()) throw new TidemarkError("NOT_READY", "The server takes no more connections at the moment.");
    const { incoming, outgoing } = context.env;
    const response = outgoing as ServerResponse;
    // Proxies must neither keep what comes nor change it.
    response.writeHead(200, { ...headersOf(context), "Content-Type": type, "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no" });
    const transport = new HttpStreamTransport(sinkOf(response, clock), format);
    const session = gateway.connect(transport, connectionRequest(incoming));
    transport.session = session;
    // A pipelined answer whose turn has not come does not hear that its connection is gone.
    const { socket } = incoming;
    const gone = (): void => {
      socket.off("close", gone);
      gateway.disconnected(session, CLOSE.goingAway);
    };
    response.once("close", gone);
    socket.once("close", gone);
    if (socket.destroyed) gone();
    return session;
  };

  app.get(paths.base + paths.sse, (context) => {
    const identify = identifyOf(context);
    const at = parseEventId(context.req.header("last-event-id"));
    const session = begin(context, { kind: "events", epoch: engine.replica.epoch, seq: () => engine.replica.seq }, "text/event-stream; charset=utf-8");
    // A client that posts its IDENTIFY names no subscriptions here.
    if (identify !== undefined) gateway.identify(session, identify, at);
    return RESPONSE_ALREADY_SENT;
  });

  const poll = (context: Context<Env>, start: (session: Session) => void): Response => {
    const endMs = clock.monotonic() + waitMs(context.req.query("wait_ms"));
    start(begin(context, { kind: "lines", isOver: () => clock.monotonic() >= endMs }, "application/x-ndjson; charset=utf-8"));
    return RESPONSE_ALREADY_SENT;
  };

  app.get(paths.base + paths.changes, (context) => {
    const identify = identifyOf(context);
    if (identify === undefined) throw new TidemarkError("BAD_MESSAGE", "Name what to subscribe to: ?channels=a,b or ?subscriptions=[…].");
    const at = positionOf(context);
    return poll(context, (session) => gateway.identify(session, identify, at));
  });

  app.post(paths.base + paths.changes, async (context) => {
    const message = parseUp(await bodyOf(context));
    if (message.op !== "IDENTIFY" && message.op !== "RESUME") throw new TidemarkError("BAD_MESSAGE", "A poll's body is an IDENTIFY or a RESUME.");
    return poll(context, (session) => gateway.identify(session, message));
  });

  app.post(paths.base + paths.up, async (context) => {
    const session = gateway.oneWaySession(context.req.query("session") ?? "");
    if (session === undefined) throw new TidemarkError("UNKNOWN_SESSION", "This process has no such session. Connect again.");
    for (const line of (await bodyOf(context)).split("\n")) if (line !== "") gateway.receive(session, line);
    return context.body(null, 204);
  });
}

/** What has been set for CORS goes out with a head that is written here. */
function headersOf(context: Context<Env>): Record<string, string> {
  return Object.fromEntries(context.res.headers);
}

function sinkOf(response: ServerResponse, clock: Clock): BodySink {
  return {
    write: (text) => void response.write(text),
    onceFlushed: (callback) => {
      if (response.socket?.writable === true) response.socket.write(NOTHING, () => callback());
    },
    get bufferedBytes() {
      return response.writableLength;
    },
    end: () => {
      response.end();
      // Who does not take the end is cut off.
      clock.after(END_GRACE_MS, () => {
        if (!response.writableFinished) response.destroy();
      });
    },
  };
}

/** `channels=a,b` or `subscriptions=[…]` as an IDENTIFY; undefined where there is neither. */
function identifyOf(context: Context<Env>): Identify | undefined {
  const channels = context.req.query("channels");
  const subscriptions = context.req.query("subscriptions");
  if (subscriptions !== undefined) return { op: "IDENTIFY", subscriptions: subscriptionsOf(subscriptions) };
  if (channels === undefined) return undefined;
  return { op: "IDENTIFY", subscriptions: channels.split(",").map((name) => name.trim()).filter((name) => name !== "") };
}

function subscriptionsOf(text: string): readonly SubscriptionRequest[] {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (cause) {
    throw new TidemarkError("BAD_MESSAGE", "subscriptions is a JSON list of channel names and queries.", { cause });
  }
  if (!Array.isArray(list)) throw new TidemarkError("BAD_MESSAGE", "subscriptions is a JSON list of channel names and queries.");
  return list as readonly SubscriptionRequest[];
}

/** `cursor=epoch:seq[:marks]`: where the named views stand. */
function positionOf(context: Context<Env>): Position | undefined {
  const text = context.req.query("cursor");
  if (text === undefined) return undefined;
  const marked = parseEventId(text);
  if (marked !== undefined) return marked;
  const [, epoch, seq] = /^(\w+):(\d{1,15})$/.exec(text) ?? [];
  if (epoch === undefined) throw new TidemarkError("BAD_MESSAGE", "cursor is epoch:seq, as told by an earlier answer.");
  return { epoch, seq: Number(seq) };
}

function waitMs(text: string | undefined): number {
  if (text === undefined) return 0;
  if (/^\d{1,6}$/.test(text)) return Math.min(Number(text), WAIT_MS_MAX);
  throw new TidemarkError("BAD_MESSAGE", "wait_ms is a whole number of milliseconds.");
}

/** @throws TidemarkError `BAD_MESSAGE` for one that is too large or does not say how large it is */
export async function bodyOf(context: Context<Env>): Promise<string> {
  const declared = Number(context.req.header("content-length") ?? Number.NaN);
  if (!(declared <= PROTOCOL_LIMITS.clientFrameBytesMax)) {
    throw new TidemarkError("BAD_MESSAGE", `A body names its length and has at most ${PROTOCOL_LIMITS.clientFrameBytesMax} bytes.`);
  }
  return context.req.text();
}
