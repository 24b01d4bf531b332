/** Connects the metrics to the parts that keep their values. */
import type { HistoryHost } from "../../history/history-host.ts";
import type { HistoryState } from "../../history/history-state.ts";
import type { Engine } from "../engine.ts";
import type { Identity } from "../policies.ts";
import type { Replica } from "../../table/replica.ts";
import type { Metrics } from "./metrics.ts";
import type { Subscription } from "../turn/session.ts";

export function registerMetrics(metrics: Metrics, engine: Engine): void {
  if (engine.history !== undefined) registerHistory(metrics, engine.history);
  const {
    follower,
    replica,
    gateway,
    subscribers,
    turns,
    limits,
    writer: { stats },
  } = engine;
  const perChannel = (
    read: (table: { omitted: number; rows: { size: number; bytes: number } }) => number,
  ) =>
    function* (): Iterable<readonly [string, number]> {
      for (const table of replica.tables) yield [table.channel.name, read(table)] as const;
    };
  const sum =
    (read: (table: { evictions: number; changes: number; rows: { bytes: number } }) => number) =>
    (): number => {
      let total = 0;
      for (const table of replica.tables) total += read(table);
      return total;
    };
  const slowConsumers = (): number => {
    let slow = 0;
    const nowMs = engine.monotonic();
    for (const { state } of subscriptionsOf(engine))
      if (state.pause !== undefined && nowMs - state.pause.sinceMs >= limits.slowConsumerMs) slow++;
    return slow;
  };
  metrics.register({
    gauges: {
      tidemark_sessions: { help: "Open connections.", read: () => gateway.sessionCount },
      tidemark_subscriptions: {
        help: "Subscriptions of all sessions.",
        read: () => subscribers.count,
      },
      tidemark_views: {
        help: "Views that are kept, without bare channels.",
        read: () => replica.viewCount,
      },
      tidemark_view_entries: { help: "Rows of all views.", read: () => replica.viewEntries },
      tidemark_seq: { help: "Seq of the tables.", read: () => replica.seq },
      tidemark_log_pending_commits: {
        help: "Commits appended and not yet applied.",
        read: () => follower.head - replica.seq,
      },
      tidemark_turn_backlog_sessions: {
        help: "Sessions that wait to be served.",
        read: () => turns.backlog,
      },
      tidemark_flush_interval_ms: {
        help: "Present time between two turns of a session; it grows under load.",
        read: () => turns.intervalMs,
      },
      dashboard_stream_backlog: {
        help: "Largest distance of a subscription's cursor from the head of the log, in commits.",
        read: () => largestBacklog(engine),
      },
      stream_v2_slow_consumers: {
        help: "Subscriptions that could not be served for slowConsumerMs, now.",
        read: slowConsumers,
      },
      tidemark_socket_buffered_bytes: {
        help: "Unsent bytes of all sockets; shared frames count once per socket.",
        read: () => bufferedBytes(engine),
      },
      dashboard_read_model_bytes: {
        help: "Encoded size of all channels' rows.",
        read: sum((table) => table.rows.bytes),
      },
      tidemark_tables_bytes_max: {
        help: "What the memory budget leaves for the rows of all tables; +Inf without one.",
        read: () => replica.budget.bytesMax,
      },
      tidemark_views_bytes: {
        help: "Estimated size of all views and their indexes, without the channels' rows.",
        read: () => replica.viewBytes,
      },
    },
    channelGauges: {
      tidemark_channel_rows: {
        help: "Rows of the channel.",
        read: perChannel((table) => table.rows.size),
      },
      tidemark_channel_rows_omitted: {
        help: "Rows that are too large or too deep to be sent.",
        read: perChannel((table) => table.omitted),
      },
      tidemark_channel_bytes: {
        help: "Encoded size of the channel's rows.",
        read: perChannel((table) => table.rows.bytes),
      },
    },
    totals: {
      tidemark_row_changes_total: {
        help: "Row changes applied.",
        read: sum((table) => table.changes),
      },
      dashboard_evictions_total: {
        help: "Rows that the bounds of a channel evicted.",
        read: sum((table) => table.evictions),
      },
      tidemark_budget_evictions_total: {
        help: "Rows that the memory budget evicted; dashboard_evictions_total has them, too.",
        read: () => replica.budget.state.evictions,
      },
      stream_v2_credit_exhausted_total: {
        help: "Times that a session ran out of credit while frames waited.",
        read: () => stats.creditExhausted,
      },
      tidemark_slow_consumers_total: {
        help: "Subscriptions that got SLOW_CONSUMER.",
        read: () => stats.slowConsumers,
      },
      tidemark_turns_total: { help: "Turns written.", read: () => stats.turns },
      tidemark_frames_total: { help: "Frames written in turns.", read: () => stats.frames },
      tidemark_bytes_out_total: { help: "Bytes written in turns.", read: () => stats.bytes },
    },
  });
}

function registerHistory(metrics: Metrics, history: HistoryHost): void {
  const read = (pick: (state: HistoryState) => number) => (): number =>
    history.state === undefined ? 0 : pick(history.state);
  metrics.register({
    gauges: {
      tidemark_history_durable_seq: {
        help: "The store holds everything up to this seq.",
        read: read((state) => state.durableSeq),
      },
      tidemark_history_pending_rows: {
        help: "Rows that the store does not hold yet.",
        read: read((state) => state.pendingRows),
      },
      tidemark_history_pending_bytes: {
        help: "Encoded size of such rows in memory.",
        read: read((state) => state.pendingBytes),
      },
      tidemark_history_spill_bytes: {
        help: "Size of the spill file.",
        read: read((state) => state.spillBytes),
      },
      tidemark_history_lag_ms: {
        help: "Age of the oldest row that the store does not hold yet.",
        read: read((state) => state.lagMs),
      },
      tidemark_history_write_ms: {
        help: "Duration of the last write.",
        read: read((state) => state.lastWriteMs),
      },
    },
    channelGauges: {},
    totals: {
      tidemark_history_batches_total: {
        help: "Batches written to the store.",
        read: read((state) => state.batches),
      },
      tidemark_history_rows_total: {
        help: "Row versions and removals written to the store.",
        read: read((state) => state.rows),
      },
      tidemark_history_failures_total: {
        help: "Writes to the store that failed, and were tried again.",
        read: read((state) => state.failures),
      },
    },
  });
}

/** The content of `/stats` for operators. */
export function statsOf(engine: Engine): Record<string, unknown> {
  const { gateway, subscribers, replica, turns, writer } = engine;
  const { turns: turnsSent, frames, bytes, resets } = writer.stats;
  const history = historyOf(engine);
  return {
    ...standingOf(
      engine,
      () => true,
      () => true,
    ),
    ...(history !== undefined && { history }),
    sources: engine.sourceStats,
    sessions: gateway.sessionCount,
    subscriptions: subscribers.count,
    views: replica.viewCount,
    view_entries: replica.viewEntries,
    memory: memoryOf(replica),
    flush_interval_ms: turns.intervalMs,
    sent: { turns: turnsSent, frames, bytes },
    buffered_bytes: bufferedBytes(engine),
    backlog: largestBacklog(engine),
    resets: Object.fromEntries(resets),
  };
}

function memoryOf({ budget, viewBytes }: Replica): Record<string, unknown> {
  const { bytes, bytesMax, evictions, isExceeded } = budget.state;
  return {
    table_bytes: bytes,
    table_bytes_max: bytesMax === Number.POSITIVE_INFINITY ? null : bytesMax,
    view_bytes: viewBytes,
    evictions,
    is_exceeded: isExceeded,
  };
}

/**
 * The content of `/stats` for another identity: the server's seq, and the channels that the
 * identity may see.
 */
export function statsFor(engine: Engine, identity: Identity): Record<string, unknown> {
  const { policies } = engine;
  const extent = (channel: string): string => policies.extentFor(identity, channel);
  return standingOf(
    engine,
    (channel) => extent(channel) !== "none",
    (channel) => extent(channel) === "all",
  );
}

function standingOf(
  { follower, replica, states }: Engine,
  isVisible: (channel: string) => boolean,
  hasCounts: (channel: string) => boolean,
): Record<string, unknown> {
  return {
    epoch: replica.epoch,
    seq: replica.seq,
    log_head: follower.head,
    as_of: replica.asOf,
    channels: states
      .messages(isVisible, hasCounts)
      .map(({ op: _op, type: _type, ...status }) => status),
  };
}

function historyOf({ history, replica }: Engine): Record<string, unknown> | undefined {
  const state = history?.state;
  if (history === undefined || state === undefined) return undefined;
  const { status, reason, durableSeq, pendingRows, pendingBytes, spillBytes, lagMs } = state;
  return {
    store: history.store.name,
    status,
    ...(reason !== undefined && { reason }),
    durable_seq: durableSeq,
    pending: { rows: pendingRows, bytes: pendingBytes, spill_bytes: spillBytes, lag_ms: lagMs },
    written: { batches: state.batches, rows: state.rows, failures: state.failures },
    channels: Array.from(replica.tables, ({ channel }) => channel)
      .filter((channel) => channel.history !== undefined)
      .map(({ name }) => {
        const span = history.spanOf(name);
        return {
          channel: name,
          from_seq: span?.fromSeq ?? null,
          from_unix_ms: span?.fromTimeMs ?? null,
          rows: span?.rows ?? null,
          bytes: span?.bytes ?? null,
        };
      }),
  };
}

function* subscriptionsOf({ gateway }: Engine): Iterable<Subscription> {
  for (const session of gateway.sessions) yield* session.subscriptions.values();
}

function largestBacklog(engine: Engine): number {
  const { follower, replica } = engine;
  const unapplied = follower.head - replica.seq;
  let largest = unapplied;
  for (const { state, view } of subscriptionsOf(engine)) {
    const head = unapplied + replica.headOf(view.channel);
    if (state.kind === "live" && state.cursor < view.rows.lastSeq)
      largest = Math.max(largest, head - state.cursor);
    if (state.kind === "sending") largest = Math.max(largest, head - state.seq);
  }
  return largest;
}

function bufferedBytes({ gateway }: Engine): number {
  let bytes = 0;
  for (const { transport } of gateway.sessions) bytes += transport.bufferedBytes;
  return bytes;
}
