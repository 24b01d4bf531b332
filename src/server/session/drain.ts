/**
 * Sends clients away when the server stops: in batches, so that they do not all reconnect at once.
 */
import { delay, type Clock } from "../../std/clock.ts";
import type { Random } from "../../std/random.ts";
import { CLOSE } from "../../protocol/close-codes.ts";
import type { ServerLimits } from "../limits.ts";
import type { Sender } from "../turn/sender.ts";
import type { Session } from "../turn/session.ts";

export interface DrainOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: ServerLimits;
  readonly sender: Sender;
}

/** Resolves when all clients have been sent RECONNECT. */
export async function drain(
  sessions: readonly Session[],
  { clock, random, limits, sender }: DrainOptions,
): Promise<void> {
  const { drainBatch, drainMsMax, drainStepMs } = limits;
  const steps = Math.max(1, Math.floor(drainMsMax / drainStepMs));
  const batch = Math.max(drainBatch, Math.ceil(sessions.length / steps));
  for (let from = 0; from < sessions.length; from += batch) {
    if (from > 0) await delay(clock, drainStepMs);
    for (const session of sessions.slice(from, from + batch)) {
      const retryAfterMs = Math.round(100 + random.next() * 900);
      sender.send(session, { op: "RECONNECT", retry_after_ms: retryAfterMs });
      session.transport.close(CLOSE.goingAway, "the server is shutting down");
    }
  }
}
