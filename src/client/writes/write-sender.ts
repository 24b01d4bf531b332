/**
 * Writes on their way to the server: sent in the order in which they were made, again with the same
 * ids on each new connection until they are answered, and over HTTP where the connection is a poll.
 *
 * Retains what has not been answered; the page bounds how many that are.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { Mutate } from "../../protocol/messages/mutate.ts";
import type { MutationResult } from "../../protocol/messages/mutation-result.ts";
import type { JsonValue } from "../../protocol/row.ts";
import type { HttpScheduler } from "../connection/http-scheduler.ts";
import type { PageCursor, WriteRequest, WriteResult } from "../port.ts";
import { messageOf } from "./write-message.ts";
import {
  WRITES_IN_FLIGHT_MAX,
  WRITE_ANSWER_MS_MAX,
  WRITE_HTTP_RETRY_MS,
  WRITE_RESEND_MS_MAX,
} from "../limits.ts";

export interface WriteSenderOptions {
  readonly clock: Clock;
  readonly http: HttpScheduler;
  /** The present `auth`, as IDENTIFY sends it. */
  readonly credentials: () => Promise<unknown>;
  /** Undefined while there is no connection; `poll` where writes go by HTTP. */
  readonly way: () => "stream" | "poll" | undefined;
  readonly send: (message: Mutate) => void;
  /** Called when there are outcomes for the page. */
  readonly onResult: () => void;
}

interface Entry {
  readonly request: WriteRequest;
  /**
   * Since when the write may have reached a server, by the wall clock, which runs while the
   * machine sleeps.
   */
  firstSentMs: number | undefined;
  /** When it was sent over the present connection. */
  sentMs: number | undefined;
  /** Sent again because a later write was answered. */
  isAskedAgain: boolean;
}

export class WriteSender {
  readonly #options: WriteSenderOptions;
  readonly #entries = new Map<string, Entry>();
  /** Results of the incomplete turn; and results that the page does not have yet. */
  #staged: MutationResult[] = [];
  #results: WriteResult[] = [];
  /** The latest commit that an answer over HTTP named and the stream has not reached. */
  #awaited: PageCursor | undefined;
  /** The latest commit from which on an answered write is visible. */
  #visibleAt: PageCursor | undefined;
  #isPosting = false;
  #retry: Cancel | undefined;

  constructor(options: WriteSenderOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(request: WriteRequest): void {
    this.#entries.set(request.id, {
      request,
      firstSentMs: undefined,
      sentMs: undefined,
      isAskedAgain: false,
    });
    this.#sendNext();
  }

  /** A connection is open: every unanswered write is sent again, in order. */
  opened(): void {
    for (const entry of this.#entries.values()) {
      entry.sentMs = undefined;
      entry.isAskedAgain = false;
    }
    this.#sendNext();
  }

  /**
   * With each heartbeat: writes that were lost on an open connection are sent again, and those that
   * are too old are given up.
   */
  beat(): void {
    const nowMs = this.#options.clock.monotonic();
    for (const { sentMs } of this.#entries.values())
      if (sentMs !== undefined && nowMs - sentMs > WRITE_ANSWER_MS_MAX) return this.opened();
    this.#sendNext();
  }

  /** A write that is too old is given up: the server may have forgotten whether it was made. */
  #giveUp(): void {
    const nowMs = this.#options.clock.now();
    for (const [id, { firstSentMs }] of this.#entries) {
      if (firstSentMs === undefined || nowMs - firstSentMs <= WRITE_RESEND_MS_MAX) continue;
      this.#answer({
        id,
        error: {
          code: "OUTCOME_UNKNOWN",
          message:
            "The server has not answered for half a day. Check whether the write was made before you repeat it.",
        },
      });
    }
  }

  /** A success goes to the page with its turn, a failure at once. */
  receive(message: MutationResult): void {
    const { mutation_id: id, error } = message;
    if (error === undefined) this.#staged.push(message);
    else if (this.#entries.has(id)) {
      this.#answer({ id, error });
      this.#sendNext();
    }
  }

  /** The turn is complete. Writes that were answered before are skipped. */
  endTurn(epoch: string): void {
    if (this.#staged.length === 0) return;
    for (const { mutation_id: id, seq = 0, value } of this.#staged) {
      const entry = this.#entries.get(id);
      if (entry === undefined) continue;
      this.#askAgainBefore(entry);
      this.#entries.delete(id);
      this.#tell({ id, visibleAt: { epoch, seq }, ...(value !== undefined && { value }) });
    }
    this.#staged = [];
    this.#sendNext();
  }

  /** Mutations are answered in order: if an earlier one has no answer, its answer was lost. */
  #askAgainBefore(answered: Entry): void {
    if (answered.request.txid !== undefined) return;
    for (const entry of this.#entries.values()) {
      if (entry === answered) return;
      if (entry.request.txid !== undefined || entry.isAskedAgain) continue;
      entry.isAskedAgain = true;
      entry.sentMs = undefined;
    }
  }

  /** The connection is gone, and with it the incomplete turn. */
  discardStaged(): void {
    this.#staged = [];
  }

  /**
   * Whether there is a result for the page, or the stream has reached the commit that an HTTP
   * answer named.
   */
  hasNews(cursor: PageCursor | undefined): boolean {
    const awaited = this.#awaited;
    const hasReached =
      awaited !== undefined &&
      cursor !== undefined &&
      (cursor.epoch !== awaited.epoch || cursor.seq >= awaited.seq);
    if (hasReached) this.#awaited = undefined;
    return hasReached || this.#results.length > 0;
  }

  /** The seq from which on every answered write of this history is visible; -1 without any. */
  visibleSeq(epoch: string): number {
    return this.#visibleAt?.epoch === epoch ? this.#visibleAt.seq : -1;
  }

  takeResults(): readonly WriteResult[] {
    return this.#results.splice(0);
  }

  stop(): void {
    this.#retry?.();
    this.#entries.clear();
  }

  #sendNext(): void {
    const way = this.#options.way();
    if (way !== undefined) this.#giveUp();
    if (way === "poll") void this.#post();
    if (way !== "stream") return;
    let inFlight = 0;
    for (const entry of this.#entries.values()) {
      if (inFlight >= WRITES_IN_FLIGHT_MAX) return;
      inFlight++;
      if (entry.sentMs !== undefined) continue;
      this.#note(entry);
      this.#options.send(messageOf(entry.request));
    }
  }

  #note(entry: Entry): void {
    entry.sentMs = this.#options.clock.monotonic();
    entry.firstSentMs ??= this.#options.clock.now();
  }

  /** One after another, so that they arrive in order. */
  async #post(): Promise<void> {
    if (this.#isPosting) return;
    this.#isPosting = true;
    for (
      let entry = this.#first();
      entry !== undefined && this.#options.way() === "poll";
      entry = this.#first()
    ) {
      this.#note(entry);
      const result = await this.#request(entry.request);
      if (result === undefined) {
        this.#retry?.();
        this.#retry = this.#options.clock.after(WRITE_HTTP_RETRY_MS, () => this.#sendNext());
        break;
      }
      this.#awaited = result.visibleAt ?? this.#awaited;
      if (this.#entries.has(entry.request.id)) this.#answer(result);
    }
    this.#isPosting = false;
  }

  #first(): Entry | undefined {
    return this.#entries.values().next().value;
  }

  #answer(result: WriteResult): void {
    this.#entries.delete(result.id);
    this.#tell(result);
    this.#options.onResult();
  }

  #tell(result: WriteResult): void {
    const { visibleAt } = result;
    this.#results.push(result);
    if (visibleAt !== undefined && visibleAt.seq > this.visibleSeq(visibleAt.epoch))
      this.#visibleAt = visibleAt;
  }

  /** Undefined when the write has to be sent again. */
  async #request({
    id,
    name = "",
    input,
    expected,
    txid,
    headers = {},
  }: WriteRequest): Promise<WriteResult | undefined> {
    const { http, credentials } = this.#options;
    try {
      const auth = await credentials();
      const path = txid === undefined ? `/mutations/${encodeURIComponent(name)}` : "/visible";
      const said =
        txid === undefined
          ? {
              mutation_id: id,
              input,
              ...(expected && { expected_seq: expected.seq, epoch: expected.epoch }),
            }
          : { position: txid };
      const response = await http.request("up", path, {
        method: "POST",
        headers,
        body: JSON.stringify({ ...said, auth }),
      });
      const answer = (await response.json()) as PageCursor & {
        value?: JsonValue;
        code?: string;
        message?: string;
        retryable?: boolean;
        data?: JsonValue;
      };
      if (response.ok)
        return {
          id,
          visibleAt: { epoch: answer.epoch, seq: answer.seq },
          ...(answer.value !== undefined && { value: answer.value }),
        };
      if (answer.retryable !== false || answer.code === undefined) return undefined;
      const { retryable: _, epoch: _epoch, seq: _seq, value: _value, ...failure } = answer;
      return {
        id,
        error: { ...failure, code: answer.code, message: answer.message ?? answer.code },
      };
    } catch {
      return undefined;
    }
  }
}
