/** Connects the metrics to where their values are kept. */
import type { Log } from "../log/log.ts";
import type { Replica } from "../table/replica.ts";
import type { Gateway } from "./gateway.ts";
import { Metrics } from "./metrics.ts";
import type { TurnStats } from "./turn-writer.ts";
import type { Turns } from "./turns.ts";

export interface ReadingsOptions {
  readonly log: Log;
  readonly replica: Replica;
  readonly gateway: Gateway;
  readonly turns: Turns;
  readonly stats: TurnStats;
}

export function createMetrics({ log, replica, gateway, turns, stats }: ReadingsOptions): Metrics {
  const perChannel = (read: (table: { rows: { size: number; bytes: number } }) => number) =>
    function* (): Iterable<readonly [string, number]> {
      for (const table of replica.tables) yield [table.channel.name, read(table)] as const;
    };
  const sum = (read: (table: { evictions: number; changes: number; rows: { bytes: number } }) => number) => (): number => {
    let total = 0;
    for (const table of replica.tables) total += read(table);
    return total;
  };
  return new Metrics({
    gauges: {
      tidemark_sessions: { help: "Open connections.", read: () => gateway.sessionCount },
      tidemark_subscriptions: { help: "Subscriptions of all sessions.", read: () => gateway.subscriptionCount },
      tidemark_views: { help: "Views maintained, bare channels not counted.", read: () => replica.viewCount },
      tidemark_view_entries: { help: "Rows held by all views.", read: () => replica.viewEntries },
      tidemark_seq: { help: "Position of the tables.", read: () => replica.seq },
      tidemark_log_pending_commits: { help: "Commits appended and not yet applied.", read: () => log.head - replica.seq },
      tidemark_turn_backlog_sessions: { help: "Sessions that wait to be served.", read: () => turns.backlog },
      tidemark_flush_interval_ms: { help: "Present time between cuts, stretched under load.", read: () => turns.intervalMs },
      dashboard_read_model_bytes: { help: "Encoded size of all channels' rows.", read: sum((table) => table.rows.bytes) },
    },
    channelGauges: {
      tidemark_channel_rows: { help: "Rows held.", read: perChannel((table) => table.rows.size) },
      tidemark_channel_bytes: { help: "Encoded size of the rows held.", read: perChannel((table) => table.rows.bytes) },
    },
    totals: {
      tidemark_row_changes_total: { help: "Row changes applied.", read: sum((table) => table.changes) },
      dashboard_evictions_total: { help: "Rows that left a channel by its bounds.", read: sum((table) => table.evictions) },
      tidemark_turns_total: { help: "Turns written.", read: () => stats.turns },
      tidemark_frames_total: { help: "Frames written in turns.", read: () => stats.frames },
      tidemark_bytes_out_total: { help: "Bytes written in turns.", read: () => stats.bytes },
    },
  });
}
