/** What the engine knows of its connection, counted and clocked, as the page reads it once a second. */
import type { Clock } from "../../std/clock.ts";
import type { Watermark } from "../../protocol/messages/watermark.ts";
import type { Connection } from "../connection/connection.ts";
import type { EngineView } from "./engine-view.ts";
import { Meter } from "./meter.ts";
import type { ConnectionReading, Position } from "../port.ts";

export interface Standing {
  readonly position: Position | undefined;
  readonly epoch: string | undefined;
  readonly requestsPending: ConnectionReading["requestsPending"];
}

export class Readings {
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

  read(
    connection: Connection,
    views: Iterable<EngineView>,
    { position, epoch, requestsPending }: Standing,
  ): ConnectionReading {
    const { state, carrier, roundTripMs, clockOffsetMs } = connection;
    const nowMs = this.#clock.now();
    let queueDepth = 0;
    for (const { rows } of views) queueDepth += rows.pending;
    return {
      ...this.meter.read(nowMs),
      state,
      transport: carrier,
      roundTripMs,
      clockOffsetMs,
      queueDepth,
      epoch,
      requestsPending,
      seq: position?.seq ?? 0,
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
