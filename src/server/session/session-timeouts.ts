/**
 * Does the timed actions of each session: a ping, a watermark, or the end of its connection.
 */
import type { Clock } from "../../std/clock.ts";
import { CLOSE } from "../../protocol/close-codes.ts";
import type { ServerLimits } from "../limits.ts";
import type { Session } from "../turn/session.ts";
import { dueOf } from "../turn/session-state.ts";
import type { Turns } from "../turn/turns.ts";

export interface SessionTimeoutsOptions {
  readonly clock: Clock;
  readonly limits: ServerLimits;
  readonly turns: Turns;
}

export class SessionTimeouts {
  readonly #options: SessionTimeoutsOptions;
  #lastCheckMs = Number.POSITIVE_INFINITY;

  constructor(options: SessionTimeoutsOptions) {
    this.#options = options;
  }

  /** Called every `tickMs`. */
  check(sessions: Iterable<Session>): void {
    const { clock, limits } = this.#options;
    const nowMs = clock.monotonic();
    // While the process was suspended it read no frames: the server reads the waiting ones before
    // it closes any connection.
    const hasStalled = nowMs - this.#lastCheckMs > 2 * limits.tickMs;
    this.#lastCheckMs = nowMs;
    for (const session of sessions) this.#check(session, nowMs, hasStalled);
  }

  #check(session: Session, nowMs: number, hasStalled: boolean): void {
    const { limits, turns } = this.#options;
    const { transport, dialect, state, lastTurnMs } = session;
    // A one-way client counts as alive while its socket drains.
    if (transport.isOneWay === true && transport.bufferedBytes === 0) session.lastHeardMs = nowMs;
    const { lastHeardMs } = session;
    const lastPingMs =
      dialect.hasHeartbeats === true || transport.ping === undefined
        ? undefined
        : session.lastPingMs;
    switch (dueOf(state, { nowMs, lastHeardMs, lastTurnMs, lastPingMs }, limits)) {
      case "close: nothing heard":
        if (!hasStalled) transport.close(CLOSE.timeout, "no message received");
        break;
      case "close: no IDENTIFY":
        if (!hasStalled) transport.close(CLOSE.timeout, "no IDENTIFY");
        break;
      case "ping":
        session.lastPingMs = nowMs;
        transport.ping?.();
        break;
      case "watermark":
        turns.serve(session);
        break;
      case undefined:
        break;
    }
  }
}
