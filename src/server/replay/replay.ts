/**
 * One replay: an engine of its own over a log that reads the history store, for one connection. It
 * has the policies and the authentication of the live server, takes no writes, and works in small
 * slices, so that live sessions do not wait for it.
 */
import type { HistoryHost } from "../../history/history-host.ts";
import { ReplayLog, type ReplayPlace } from "../../history/replay-log.ts";
import type { Moment } from "../../history/reader.ts";
import { tooLarge } from "../../history/replay-tables.ts";
import { delay } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { ChannelDeclaration } from "../../log/channel.ts";
import { Engine } from "../engine.ts";
import { NO_OBSERVER, type EngineOptions } from "../engine-options.ts";
import type { ServerLimits } from "../limits.ts";
import type { Identity } from "../policies.ts";
import type { ReplayRequest } from "./replay-request.ts";

/** What a replay takes over from the live server. */
export type LiveParts = Pick<
  EngineOptions,
  "access" | "clock" | "identityKey" | "isOperator" | "limits" | "logger" | "random"
> & {
  readonly secret: string;
  readonly live: Engine;
  readonly history: HistoryHost;
};

/** A replay serves one client, so it waits longer between two turns, and works in small slices. */
const BUDGET: Partial<ServerLimits> = {
  flushIntervalMs: 33,
  flushIntervalLoadedMs: 100,
  flushShareCheap: 0.05,
  flushShareMax: 0.1,
  flushBurstMs: 5,
  sliceMs: 2,
  commitsPerReadMax: 64,
};

export class Replay {
  readonly engine: Engine;
  readonly #log: ReplayLog;

  private constructor(engine: Engine, log: ReplayLog) {
    this.engine = engine;
    this.#log = log;
  }

  /** @throws TidemarkError `HISTORY_UNAVAILABLE` */
  static async open(parts: LiveParts, request: ReplayRequest): Promise<Replay> {
    const { history, live } = parts;
    const edge = edgeOf(parts);
    const from = await placeOf(request.from, parts);
    const to = request.to && (await placeOf(request.to, parts));
    const { store, limits } = history;
    let identified: (identity: Identity) => void = () => {};
    const identity = new Promise<Identity>((resolve) => (identified = resolve));
    const fail = (error: TidemarkError): void => engine.gateway.refuse(error);
    const log = new ReplayLog({
      store,
      clock: parts.clock,
      limits,
      epoch: `${live.log.epoch}@${from.seq}`,
      channels: async () => channelsFor(await identity, live, request),
      from,
      to,
      edge,
      speed: request.speed,
      isTaken: () => [...engine.gateway.sessions].every(({ hasMore }) => !hasMore),
      onFailed: fail,
    });
    const engine = createEngine(parts, log, identified);
    live.policies.copyTo(engine.policies);
    engine.turns.onApplied(() => {
      let rows = 0;
      for (const table of engine.replica.tables) rows += table.rows.size;
      if (rows <= limits.replayRowsMax) return;
      log.close();
      fail(tooLarge(limits.replayRowsMax));
    });
    // The session that waits for the tables gets the error.
    engine.start().catch(() => {});
    return new Replay(engine, log);
  }

  stop(): void {
    this.engine.stop();
    this.#log.close();
  }
}

function createEngine(
  { access, limits, ...parts }: LiveParts,
  log: ReplayLog,
  identified: (identity: Identity) => void,
): Engine {
  const { clock, identityKey, isOperator, logger, random, secret } = parts;
  return new Engine({
    clock,
    identityKey,
    isOperator,
    logger,
    random,
    secret,
    log,
    findCheckpoint: () => log.checkpoint(),
    access: {
      identify: async (request, auth) => {
        const identity = await access.identify(request, auth);
        identified(identity);
        return identity;
      },
    },
    // Metrics are of the live server.
    observer: NO_OBSERVER,
    limits: {
      server: { ...limits?.server, ...BUDGET },
      views: { ...limits?.views, entriesMax: 2 * parts.history.limits.replayRowsMax },
    },
    isReadOnly: true,
  });
}

/** The newest commit that the store holds, with its time where that is known. */
function edgeOf({ history, live }: LiveParts): () => { seq: number; timeMs: number } {
  return () => {
    const { durableSeq } = history.writer;
    return {
      seq: Math.min(durableSeq, live.replica.seq),
      timeMs: live.replica.seq <= durableSeq ? live.replica.timeMs : 0,
    };
  };
}

/**
 * A moment after the newest commit is that commit. @throws TidemarkError `HISTORY_UNAVAILABLE` when
 * the store does not hold everything up to the moment, and fails or takes too long
 */
async function placeOf(moment: Moment, parts: LiveParts): Promise<ReplayPlace> {
  await stored(moment, parts);
  const edge = edgeOf(parts)();
  if ("seq" in moment)
    return moment.seq < edge.seq
      ? { seq: moment.seq, timeMs: undefined }
      : { seq: edge.seq, timeMs: edge.timeMs || undefined };
  const seq = Math.min(await parts.history.store.seqAt(moment.timeMs), edge.seq);
  return { seq, timeMs: Math.min(moment.timeMs, parts.clock.now()) };
}

/** Resolves when the store holds everything up to the moment. */
async function stored(moment: Moment, { clock, history, live }: LiveParts): Promise<void> {
  const { limits, store, writer } = history;
  const newest = live.replica.seq;
  // Times rise with seqs: a later commit is stored, and so is all before it.
  const isBefore =
    "timeMs" in moment &&
    (await store.seqAt(moment.timeMs)) < (await store.seqAt(Number.MAX_SAFE_INTEGER));
  if (isBefore) return;
  const seq = "seq" in moment ? Math.min(moment.seq, newest) : newest;
  const inTime = delay(clock, limits.queryMsMax).then(() => false);
  if (await Promise.race([writer.isStored(seq), inTime])) return;
  throw new TidemarkError(
    "HISTORY_UNAVAILABLE",
    "The history store does not hold the commits of that moment yet. Try again, or ask for an earlier one.",
  );
}

function channelsFor(
  identity: Identity,
  { policies, replica }: Engine,
  { channels }: ReplayRequest,
): readonly ChannelDeclaration[] {
  const found = Array.from(replica.tables, ({ channel }) => channel).filter(
    ({ name, history }) =>
      history !== undefined &&
      channels?.has(name) !== false &&
      policies.extentFor(identity, name) !== "none",
  );
  if (found.length > 0) return found;
  throw new TidemarkError("NO_HISTORY", "None of the channels keeps history.");
}
