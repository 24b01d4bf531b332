/**
 * Polls as a socket. Each poll is one request that names all views with their cursors and is
 * answered with one turn; a long poll's answer waits until there is news. The socket does not poll
 * while the page is hidden.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import { encodePlain, opOf, typeOf } from "../../protocol/codec.ts";
import { VERSIONS } from "../../protocol/version.ts";
import type { HttpSocketOptions } from "./sse-socket.ts";
import type { WebSocketLike } from "./websocket-like.ts";
import { POLL_FAILURES_MAX } from "../limits.ts";

export interface PollOptions extends HttpSocketOptions {
  readonly clock: Clock;
  /** How long an answer may wait for news; 0 for plain polls. */
  readonly waitMs: number;
  /** The time between a plain poll's answer and the next poll. */
  readonly pollIntervalMs: number;
  /** The IDENTIFY or RESUME to send now; undefined when this socket is not used any more. */
  readonly identify: () => Promise<string | undefined>;
  /** Called when a request is sent. */
  readonly onPoll: () => void;
}

/** Messages that change what the client is subscribed to. */
const ASKS = new Set(["IDENTIFY", "RESUME", "SUBSCRIBE", "RESYNC"]);

export class PollSocket implements WebSocketLike {
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  readonly #options: PollOptions;
  #next: Cancel | undefined;
  #isPolling = false;
  #isWanted = false;
  #isHidden = false;
  #isOver = false;
  #failures = 0;
  /**
   * The HELLO of the first answer has been passed on; the state machine needs one before it
   * identifies.
   */
  #hasGreeted = false;
  #hasAnswered = false;
  /** Aborts the present poll. */
  #request: AbortController | undefined;
  #isInHaste = false;

  constructor(options: PollOptions) {
    this.#options = options;
    this.#next = options.clock.after(0, () => this.#greet());
  }

  /**
   * A message that changes the subscriptions makes the next poll start now; polls ignore other
   * messages.
   */
  send(text: string): void {
    if (ASKS.has(opOf(text) ?? "")) this.pollSoon();
  }

  pollSoon(): void {
    this.#isWanted = true;
    if (!this.#isPolling) this.#schedule(0);
  }

  /** Polls at once, and the answer does not wait for news. */
  pollNow(): void {
    this.#isInHaste = true;
    this.#request?.abort();
    this.pollSoon();
  }

  setHidden(isHidden: boolean): void {
    this.#isHidden = isHidden;
    if (!isHidden && this.#hasGreeted) this.pollSoon();
  }

  close(): void {
    this.#isOver = true;
    this.#next?.();
    this.#request?.abort();
  }

  #schedule(delayMs: number): void {
    this.#next?.();
    this.#next = this.#options.clock.after(delayMs, () => void this.#poll());
  }

  /**
   * Opens: there is nothing to connect, so the first poll finds out whether the server is there.
   */
  #greet(): void {
    this.onopen?.(undefined as never);
    this.#hasGreeted = true;
    this.onmessage?.({
      data: encodePlain({
        op: "HELLO",
        ...VERSIONS,
        session_id: "",
        heartbeat_interval_ms: 15_000,
        identify_timeout_ms: 10_000,
        server_time_unix_ms: this.#options.clock.now(),
      }),
    });
  }

  async #poll(): Promise<void> {
    if (this.#isOver || this.#isHidden || this.#isPolling) return;
    const { http, waitMs, pollIntervalMs, identify } = this.#options;
    this.#isPolling = true;
    this.#isWanted = false;
    const isInHaste = this.#isInHaste;
    const request = new AbortController();
    this.#request = request;
    try {
      const body = await identify();
      if (body === undefined || this.#isOver) return;
      this.#options.onPoll();
      // The first answer does not wait: it says whether there is a session.
      const response = await http.request(
        "poll",
        `/changes?wait_ms=${this.#hasAnswered && !isInHaste ? waitMs : 0}`,
        { method: "POST", body },
        request.signal,
      );
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const hasWaited = waitMs > 0 && this.#hasAnswered && !isInHaste;
      this.#hasAnswered = true;
      if (isInHaste) this.#isInHaste = false;
      const text = await response.text();
      // An answer without READY or RESUMED is not complete.
      const lines = text.split("\n").filter((line) => line !== "");
      const types = new Set(lines.map(typeOf));
      if (types.has("WATERMARK") && !types.has("READY") && !types.has("RESUMED"))
        throw new Error("incomplete response");
      this.#deliver(lines, hasWaited);
      this.#failures = 0;
    } catch (error) {
      // This poll was aborted for a newer one.
      const isOvertaken = request.signal.aborted && this.#isInHaste && !this.#isOver;
      if (!isOvertaken && ++this.#failures >= POLL_FAILURES_MAX)
        return this.#end(error instanceof Error ? error.message : "");
    } finally {
      this.#isPolling = false;
    }
    if (!this.#isOver)
      this.#schedule(this.#isWanted || (waitMs > 0 && this.#failures === 0) ? 0 : pollIntervalMs);
  }

  #deliver(lines: readonly string[], hasWaited: boolean): void {
    for (const line of lines) {
      // An answer that waited carries an old server time in its HELLO.
      const isOld = hasWaited && opOf(line) === "HELLO";
      if (!isOld && !this.#isOver) this.onmessage?.({ data: line });
    }
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.onclose?.({ code: 1006, reason });
  }
}
