/** The log of a server, and the history store behind it. */
import type { Logger } from "pino";
import type { Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import type { Random } from "../std/random.ts";
import { HistoryHost, type LiveTables } from "../history/history-host.ts";
import { withoutStore, type ChannelDeclaration } from "../log/channel.ts";
import type { Log, SourceStatus } from "../log/log.ts";
import { MemoryLog } from "../log/memory.ts";
import type { ChannelState } from "../table/channel-state.ts";
import type { Replica } from "../table/replica.ts";
import type { Channels } from "./channel.ts";
import { derivationsOf } from "./derivations.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { TidemarkOptions } from "./options.ts";
import type { LiveParts } from "./replay/replay.ts";
import { Replays } from "./replay/replays.ts";
import { Access } from "./session/access.ts";

interface Parts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface LogAndHistory {
  readonly log: Log;
  readonly history: HistoryHost | undefined;
}

/** @throws TidemarkError `BAD_OPTION` for options that exclude each other */
export function createLog(
  {
    channels,
    log,
    history: store,
    limits,
  }: Pick<TidemarkOptions, "channels" | "log" | "history" | "limits">,
  declares: readonly ChannelDeclaration[],
  { clock, random, logger }: Parts,
): LogAndHistory {
  const derivations = derivationsOf(channels);
  if (store === undefined) {
    const kept =
      declares.find(({ history }) => history !== undefined) ??
      derivations.find(({ hasHistory }) => hasHistory);
    if (kept !== undefined) throw new TidemarkError("BAD_OPTION", withoutStore(kept.name));
    const own = log ?? new MemoryLog({ clock, random, limits: limits?.log ?? {} });
    return { log: own, history: undefined };
  }
  if (log !== undefined)
    throw new TidemarkError(
      "BAD_OPTION",
      "history works with the log that the server makes itself. Leave out log, or history.",
    );
  const history = new HistoryHost({
    store,
    clock,
    logger,
    limits: limits?.history,
    declares,
    derivations,
  });
  const begin = history.begin;
  return { log: new MemoryLog({ clock, random, limits: limits?.log ?? {}, begin }), history };
}

/** What an engine needs of the derived tables and of a history. */
export function engineOptionsOf(
  history: HistoryHost | undefined,
  channels: Channels | undefined,
): Pick<EngineOptions, "derivations" | "durable" | "findCheckpoint" | "history" | "roomFor"> {
  const derivations = derivationsOf(channels);
  if (history === undefined) return { derivations };
  return {
    derivations,
    history,
    durable: (seq) => history.writer.durable(seq),
    findCheckpoint: (epoch) => history.findCheckpoint(epoch),
    roomFor: (channels) => history.writer.roomFor(channels),
  };
}

/** Replays have the access and the limits of the server. */
export function createReplays(
  { authenticate, identityKey, isOperator, limits, sessionSecret }: TidemarkOptions,
  parts: Parts & Pick<LiveParts, "history" | "live">,
): Replays {
  return new Replays({
    ...parts,
    access: new Access({ authenticate }),
    identityKey,
    isOperator: isOperator ?? (() => authenticate === undefined),
    limits,
    secret: sessionSecret ?? parts.random.id(32),
  });
}

/** What history sees of the tables. */
export function liveTables(replica: Replica): LiveTables {
  return {
    get seq() {
      return replica.seq;
    },
    get timeMs() {
      return replica.timeMs;
    },
    channel: (name) => replica.table(name)?.channel,
    statusOf: (name) => statusOf(replica.stateOf(name)),
    onDerived: (listener) => replica.derived.onStep(listener),
    get failedTables() {
      return replica.derived.failed;
    },
    recover: (table) => replica.derived.recover(table),
  };
}

/** A channel's state as a status for the log. */
function statusOf(state: ChannelState | undefined): SourceStatus | undefined {
  if (state === undefined) return undefined;
  const { status, reason } = state;
  if (status === "stale") return { status, reason: reason ?? "" };
  return status === "live" ? { status } : { status, ...(reason !== undefined && { reason }) };
}
