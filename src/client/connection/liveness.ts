/**
 * Whether the server is there: heartbeats go out, something must be heard soon after, and their answers tell
 * how its clock differs from ours. A connection that is silent for too long counts as dead.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { HeartbeatAck } from "../../protocol/messages/heartbeat-ack.ts";
import type { Hello } from "../../protocol/messages/hello.ts";

export interface LivenessOptions {
  readonly clock: Clock;
  /** Says HEARTBEAT. Absent what is said by polls, which need none. */
  readonly sendHeartbeat: (clientTimeMs: number) => boolean;
  /** A heartbeat is due, whether or not it is said. */
  readonly onHeartbeat: () => void;
  readonly onSilent: () => void;
  /** There is a connection that could be silent. A poll that rests while the page is hidden hears nothing. */
  readonly isWatched: () => boolean;
}

/** Silence beyond the heartbeat interval, and after a heartbeat, after which the connection counts as dead. */
const GRACE_MS = 5_000;
/** A timer that is this late has slept. */
const SLEPT_MS = 5_000;

export class Liveness {
  readonly #options: LivenessOptions;
  #heartbeat: Cancel | undefined;
  #silence: Cancel | undefined;
  #silenceDueMs = 0;
  #heartbeatMs = 15_000;
  #clockOffsetMs = 0;
  #roundTripMs: number | undefined;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  /** Server time minus ours, from the heartbeat with half its round trip taken off. */
  get clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** From now on it must be heard within this time. */
  watch(limitMs = this.#heartbeatMs + GRACE_MS): void {
    const { clock, isWatched, onSilent } = this.#options;
    this.#silence?.();
    this.#silence = undefined;
    if (!isWatched()) return;
    this.#silenceDueMs = clock.monotonic() + limitMs;
    this.#silence = clock.after(limitMs, onSilent);
  }

  /** The first heartbeat comes at a moment of its own (`chance` is in [0, 1)), so that many clients spread out. */
  beginHeartbeats(chance: number): void {
    this.#schedule(this.#heartbeatMs * chance * 0.2);
  }

  /** Something must be heard soon after it, or the connection is dead. */
  beat(): void {
    const { clock, sendHeartbeat } = this.#options;
    if (!sendHeartbeat(clock.now())) return;
    // What is due sooner stays: many heartbeats without an answer are no sign of life.
    if (this.#silenceDueMs > clock.monotonic() + GRACE_MS) this.watch(GRACE_MS);
  }

  greeted({ heartbeat_interval_ms, session_id, server_time_unix_ms }: Hello): void {
    this.#heartbeatMs = heartbeat_interval_ms;
    // The HELLO that a poll begins with is its own, and tells no time.
    if (session_id !== "") this.#clockOffsetMs = server_time_unix_ms - this.#options.clock.now();
  }

  answered({ client_time_unix_ms, server_time_unix_ms }: HeartbeatAck): void {
    const nowMs = this.#options.clock.now();
    const sentMs = client_time_unix_ms ?? nowMs;
    // Where our clock was set meanwhile, the next one tells.
    if (nowMs < sentMs || nowMs - sentMs >= this.#heartbeatMs + GRACE_MS) return;
    this.#roundTripMs = nowMs - sentMs;
    this.#clockOffsetMs = server_time_unix_ms - (sentMs + nowMs) / 2;
  }

  stop(): void {
    this.#heartbeat?.();
    this.#silence?.();
  }

  #schedule(delayMs: number): void {
    const { clock, onHeartbeat } = this.#options;
    const dueMs = clock.now() + delayMs;
    this.#heartbeat?.();
    this.#heartbeat = clock.after(delayMs, () => {
      // Late by much, or early: the machine slept, or its clock was set. The answer will tell whether the connection lives.
      if (Math.abs(clock.now() - dueMs) > SLEPT_MS) this.#roundTripMs = undefined;
      this.beat();
      onHeartbeat();
      this.#schedule(this.#heartbeatMs);
    });
  }
}
