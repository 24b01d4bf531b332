/**
 * Whether the server is alive: after each heartbeat some frame must arrive soon, and the answers
 * tell how the server's clock differs from ours. A connection that is silent for too long counts as
 * dead.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { HeartbeatAck } from "../../protocol/messages/heartbeat-ack.ts";
import type { Hello } from "../../protocol/messages/hello.ts";
import { HEARTBEAT_GRACE_MS, SLEPT_MS } from "../limits.ts";

export interface LivenessOptions {
  readonly clock: Clock;
  /** Sends HEARTBEAT. Returns false over polls, which need none. */
  readonly sendHeartbeat: (clientTimeMs: number) => boolean;
  /** A heartbeat is due, whether or not one is sent. */
  readonly onHeartbeat: () => void;
  readonly onSilent: () => void;
  /**
   * Whether silence means anything. Polls stop while the page is hidden, so nothing arrives then.
   */
  readonly isWatched: () => boolean;
}

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

  /** Server time minus ours, from the heartbeat, less half its round trip. */
  get clockOffsetMs(): number {
    return this.#clockOffsetMs;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** Some frame must arrive within this time from now. */
  watch(limitMs = this.#heartbeatMs + HEARTBEAT_GRACE_MS): void {
    const { clock, isWatched, onSilent } = this.#options;
    this.#silence?.();
    this.#silence = undefined;
    if (!isWatched()) return;
    this.#silenceDueMs = clock.monotonic() + limitMs;
    this.#silence = clock.after(limitMs, onSilent);
  }

  /**
   * The first heartbeat comes at a random time (`chance` is in [0, 1)), so that many clients
   * spread out.
   */
  beginHeartbeats(chance: number): void {
    this.#schedule(this.#heartbeatMs * chance * 0.2);
  }

  /** Sends a heartbeat. Unless some frame arrives soon after it, the connection counts as dead. */
  beat(): void {
    const { clock, sendHeartbeat } = this.#options;
    if (!sendHeartbeat(clock.now())) return;
    // An earlier deadline stays, so that repeated heartbeats without an answer do not extend it.
    if (this.#silenceDueMs > clock.monotonic() + HEARTBEAT_GRACE_MS) this.watch(HEARTBEAT_GRACE_MS);
  }

  greeted({ heartbeat_interval_ms, session_id, server_time_unix_ms }: Hello): void {
    this.#heartbeatMs = heartbeat_interval_ms;
    // A poll makes its own first HELLO, which has no server time.
    if (session_id !== "") this.#clockOffsetMs = server_time_unix_ms - this.#options.clock.now();
  }

  answered({ client_time_unix_ms, server_time_unix_ms }: HeartbeatAck): void {
    const nowMs = this.#options.clock.now();
    const sentMs = client_time_unix_ms ?? nowMs;
    // Our clock was set meanwhile, so only the next answer can be used.
    if (nowMs < sentMs || nowMs - sentMs >= this.#heartbeatMs + HEARTBEAT_GRACE_MS) return;
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
      // The timer is early or very late: the machine slept, or its clock was set.
      if (Math.abs(clock.now() - dueMs) > SLEPT_MS) this.#roundTripMs = undefined;
      this.beat();
      onHeartbeat();
      this.#schedule(this.#heartbeatMs);
    });
  }
}
