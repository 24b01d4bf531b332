/** Counts and times of the engine's connection, sent to the page once a second. */
import type { Clock } from "../../std/clock.ts";
import type { Watermark } from "../../protocol/messages/watermark.ts";
import type { Connection } from "../connection/connection.ts";
import type { EngineView } from "./engine-view.ts";
import { Meter } from "./meter.ts";
import type { ConnectionStats, PageCursor } from "../port.ts";

export interface Standing {
  readonly cursor: PageCursor | undefined;
  readonly epoch: string | undefined;
  readonly silentSinceMs: number | undefined;
  readonly requestsPending: ConnectionStats["requestsPending"];
}

export class StreamStats {
  readonly meter = new Meter();
  gaps = 0;
  drifts = 0;
  readonly #clock: Clock;
  #turns = 0;
  #asOf: number | undefined;
  #serverTimeMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  noteTurn({ server_time_unix_ms, as_of }: Watermark): void {
    this.#turns++;
    this.#serverTimeMs = server_time_unix_ms;
    this.#asOf = Math.min(server_time_unix_ms, ...Object.values(as_of));
  }

  /** A turn has been applied: `ms` is how long that took. */
  noteApplied({
    rows,
    ms,
    oldestCommitMs,
    clockOffsetMs,
  }: {
    /** Rows that deltas brought. */
    readonly rows: number;
    readonly ms: number;
    /** When the oldest commit of the turn was made, by the server's clock. */
    readonly oldestCommitMs: number | undefined;
    readonly clockOffsetMs: number;
  }): void {
    const nowMs = this.#clock.now();
    this.meter.noteRows(rows);
    this.meter.noteApply(nowMs, ms);
    if (oldestCommitMs !== undefined && rows > 0)
      this.meter.noteLatency(nowMs, nowMs + clockOffsetMs - oldestCommitMs);
  }

  read(
    connection: Connection,
    views: Iterable<EngineView>,
    { cursor, epoch, silentSinceMs, requestsPending }: Standing,
  ): ConnectionStats {
    const { state, carrier, roundTripMs, clockOffsetMs } = connection;
    const nowMs = this.#clock.now();
    let queueDepth = 0;
    for (const { rows } of views) queueDepth += rows.pending;
    return {
      ...this.meter.read(nowMs),
      state,
      carrier,
      roundTripMs,
      clockOffsetMs,
      queueDepth,
      epoch,
      silentSinceMs,
      requestsPending,
      seq: cursor?.seq ?? 0,
      asOf: this.#asOf,
      serverTimeMs: this.#serverTimeMs,
      lagMs:
        this.#serverTimeMs === undefined
          ? undefined
          : Math.max(0, nowMs + clockOffsetMs - this.#serverTimeMs),
      gaps: this.gaps,
      drifts: this.drifts,
      turns: this.#turns,
    };
  }
}
