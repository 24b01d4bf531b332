/**
 * Writes on their way to the server: sent in the order in which they were made, again with the same
 * ids on each new connection until they are answered, and over HTTP where there is no talking back.
 *
 * Retains what has not been answered; the page bounds how many that are.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import type { Mutate } from "../../protocol/messages/mutate.ts";
import type { MutationResult } from "../../protocol/messages/mutation-result.ts";
import type { JsonValue } from "../../protocol/row.ts";
import type { HttpScheduler } from "../connection/http-scheduler.ts";
import type { Position, WriteRequest, WriteResult } from "../port.ts";
import { messageOf } from "./write-message.ts";

export interface WriteSenderOptions {
  readonly clock: Clock;
  readonly http: HttpScheduler;
  /** What the HTTP routes stand under. */
  readonly base: string;
  /** What IDENTIFY would say of who this is. */
  readonly credentials: () => Promise<unknown>;
  /** Undefined while there is no connection; `poll` where what is said goes by HTTP. */
  readonly way: () => "stream" | "poll" | undefined;
  readonly send: (message: Mutate) => void;
  /** There is something to tell the page. */
  readonly onResult: () => void;
}

interface Entry {
  readonly request: WriteRequest;
  /** It may have reached a server: since when, by the wall clock, which goes on while the machine sleeps. */
  firstSentMs: number | undefined;
  /** When it was sent over the present connection. */
  sentMs: number | undefined;
  /** Asked for again because one after it was answered. */
  isAskedAgain: boolean;
}

/** As many as a server takes from one connection. */
const IN_FLIGHT_MAX = 32;
/** Servers remember mutations for a day. What has not been answered for so long is not sent again. */
const RESEND_MS_MAX = 12 * 3_600_000;
/** Unanswered for this long on an open connection, a write is asked for again. */
const ANSWER_MS_MAX = 15_000;
const HTTP_RETRY_MS = 1_000;

export class WriteSender {
  readonly #options: WriteSenderOptions;
  readonly #entries = new Map<string, Entry>();
  /** Results of the turn that is coming; and those that the page has not been told. */
  #staged: MutationResult[] = [];
  #results: WriteResult[] = [];
  /** The furthest place that HTTP told of and the stream has not reached. */
  #awaited: Position | undefined;
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

  /** A connection is open: everything unanswered is said again, in order. */
  opened(): void {
    for (const entry of this.#entries.values()) {
      entry.sentMs = undefined;
      entry.isAskedAgain = false;
    }
    this.#sendNext();
  }

  /** With each heartbeat: what was lost without the connection being lost is said again, and what is too old is given up. */
  beat(): void {
    const nowMs = this.#options.clock.monotonic();
    for (const { sentMs } of this.#entries.values())
      if (sentMs !== undefined && nowMs - sentMs > ANSWER_MS_MAX) return this.opened();
    this.#sendNext();
  }

  /** What is too old is given up: the server may have forgotten that it was made. */
  #giveUp(): void {
    const nowMs = this.#options.clock.now();
    for (const [id, { firstSentMs }] of this.#entries) {
      if (firstSentMs === undefined || nowMs - firstSentMs <= RESEND_MS_MAX) continue;
      this.#answer({
        id,
        error: {
          code: "OUTCOME_UNKNOWN",
          message:
            "No answer has come for half a day. Look whether the write was made before making it again.",
        },
      });
    }
  }

  /** What was written is told with its turn, what was not at once. */
  receive(message: MutationResult): void {
    const { mutation_id: id, error } = message;
    if (error === undefined) this.#staged.push(message);
    else if (this.#entries.has(id)) {
      this.#answer({ id, error });
      this.#sendNext();
    }
  }

  /** The turn is whole. What was answered before is passed over. */
  endTurn(epoch: string): void {
    if (this.#staged.length === 0) return;
    for (const { mutation_id: id, seq = 0, value } of this.#staged) {
      const entry = this.#entries.get(id);
      if (entry === undefined) continue;
      this.#askAgainBefore(entry);
      this.#entries.delete(id);
      this.#results.push({ id, landed: { epoch, seq }, ...(value !== undefined && { value }) });
    }
    this.#staged = [];
    this.#sendNext();
  }

  /** Mutations are answered in order: what stands before an answered one was answered, and that was lost. */
  #askAgainBefore(answered: Entry): void {
    if (answered.request.position !== undefined) return;
    for (const entry of this.#entries.values()) {
      if (entry === answered) return;
      if (entry.request.position !== undefined || entry.isAskedAgain) continue;
      entry.isAskedAgain = true;
      entry.sentMs = undefined;
    }
  }

  /** The connection is gone, and with it the turn that was coming. */
  discardStaged(): void {
    this.#staged = [];
  }

  /** There is something to tell, or the stream has come to where a write landed that HTTP told of. */
  hasNews(position: Position | undefined): boolean {
    const awaited = this.#awaited;
    const hasReached =
      awaited !== undefined &&
      position !== undefined &&
      (position.epoch !== awaited.epoch || position.seq >= awaited.seq);
    if (hasReached) this.#awaited = undefined;
    return hasReached || this.#results.length > 0;
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
      if (inFlight >= IN_FLIGHT_MAX) return;
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
        this.#retry = this.#options.clock.after(HTTP_RETRY_MS, () => this.#sendNext());
        break;
      }
      this.#awaited = result.landed ?? this.#awaited;
      if (this.#entries.has(entry.request.id)) this.#answer(result);
    }
    this.#isPosting = false;
  }

  #first(): Entry | undefined {
    return this.#entries.values().next().value;
  }

  #answer(result: WriteResult): void {
    this.#entries.delete(result.id);
    this.#results.push(result);
    this.#options.onResult();
  }

  /** Undefined when it has to be asked for again. */
  async #request({
    id,
    name = "",
    input,
    expected,
    position,
    headers = {},
  }: WriteRequest): Promise<WriteResult | undefined> {
    const { http, base, credentials } = this.#options;
    try {
      const auth = await credentials();
      const path = position === undefined ? `mutations/${encodeURIComponent(name)}` : "landed";
      const said =
        position === undefined
          ? {
              mutation_id: id,
              input,
              ...(expected && { expected_seq: expected.seq, epoch: expected.epoch }),
            }
          : { position };
      const response = await http.request("up", `${base}/${path}`, {
        method: "POST",
        headers,
        body: JSON.stringify({ ...said, auth }),
      });
      const answer = (await response.json()) as Position & {
        value?: JsonValue;
        code?: string;
        message?: string;
        retryable?: boolean;
        data?: JsonValue;
      };
      if (response.ok)
        return {
          id,
          landed: { epoch: answer.epoch, seq: answer.seq },
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
