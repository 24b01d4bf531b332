/** What a client asks of a replay, in the address of its stream. */
import { TidemarkError } from "../../std/errors.ts";
import type { Moment } from "../../history/reader.ts";
import { parameter } from "../http/reply.ts";
import type { ConnectionRequest } from "../turn/dialect.ts";

export interface ReplayRequest {
  readonly from: Moment;
  /** Undefined: it goes on to the live edge. */
  readonly to: Moment | undefined;
  /** Times faster than it was; 0 stands still, Infinity is as fast as the client takes it. */
  readonly speed: number;
  /** Undefined: all channels with history that the caller may see. */
  readonly channels: ReadonlySet<string> | undefined;
}

/** @throws TidemarkError `BAD_QUERY` */
export function parseReplay(request: ConnectionRequest): ReplayRequest {
  const from = momentIn(request, "from");
  if (from === undefined) throw bad("from is missing: a seq, or a time as ISO 8601");
  const to = momentIn(request, "to");
  if (to !== undefined && "seq" in from && "seq" in to && to.seq < from.seq)
    throw bad(`to is ${to.seq}, before from, which is ${from.seq}`);
  if (to !== undefined && "timeMs" in from && "timeMs" in to && to.timeMs < from.timeMs)
    throw bad("to is before from");
  const channels = parameter(request, "channels");
  return {
    from,
    to,
    speed: speedOf(parameter(request, "speed") ?? "1"),
    channels: channels === undefined ? undefined : new Set(channels.split(",")),
  };
}

function momentIn(request: ConnectionRequest, name: string): Moment | undefined {
  const text = parameter(request, name);
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return { seq: Number(text) };
  const timeMs = Date.parse(text);
  if (!Number.isNaN(timeMs)) return { timeMs };
  throw bad(`${name} is "${text}", and must be a seq, or a time as ISO 8601`);
}

function speedOf(text: string): number {
  const speed = text === "max" ? Number.POSITIVE_INFINITY : Number(text);
  if (text !== "" && speed >= 0) return speed;
  throw bad(`speed is "${text}", and must be a number of at least 0, or "max"`);
}

function bad(what: string): TidemarkError {
  return new TidemarkError("BAD_QUERY", `Bad replay: ${what}.`);
}
