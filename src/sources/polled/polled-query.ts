/**
 * One query of a polled source: when it is due, whether it is running, and how its last runs went.
 * Time comes in as an argument.
 */
import { messageOf } from "../../std/errors.ts";
import type { SourceStatus } from "../../log/log.ts";
import type { PolledParameters } from "./options.ts";
import { LastResult, type ResultOptions } from "./result.ts";

/** For operators, as `/stats` has it. */
export interface QueryStats {
  readonly parameters: PolledParameters;
  /** Watched views that need it. */
  readonly watchers: number;
  readonly rows: number;
  /** Upserts and removes that its last result brought. */
  readonly changed_rows: number;
  /** Duration of the last run, in milliseconds. */
  readonly last_ms: number;
  /** Since the start of the query. */
  readonly runs: number;
  readonly failures: number;
  /** Why the last run failed. */
  readonly error?: string;
}

export interface PolledQueryOptions extends ResultOptions {
  readonly every: number;
  readonly retryMsMax: number;
}

/** So many runs in a row that took longer than `every` are a slow query, not a slow moment. */
const SLOW_RUNS = 2;

export class PolledQuery {
  readonly parameters: PolledParameters;
  readonly result: LastResult;
  readonly #options: PolledQueryOptions;
  watchers = 0;
  /** By a monotonic clock. Undefined while it is watched. */
  unwatchedSinceMs: number | undefined;
  #running: { readonly beganMs: number; readonly abort: AbortController } | undefined;
  #dueMs = 0;
  /** Everything up to this time is in the last result, in Unix milliseconds. */
  #completeToMs: number | undefined;
  #isPaused = false;
  #error: string | undefined;
  #failuresInRow = 0;
  #slowInRow = 0;
  readonly #stats = { changed_rows: 0, last_ms: 0, runs: 0, failures: 0 };

  constructor(options: PolledQueryOptions) {
    this.#options = options;
    this.parameters = options.parameters;
    this.result = new LastResult(options);
  }

  get stats(): QueryStats {
    const { parameters, watchers } = this;
    const error = this.#error;
    const { rows } = this.result;
    return { parameters, watchers, rows, ...this.#stats, ...(error !== undefined && { error }) };
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  get hasRun(): boolean {
    return this.#stats.runs > 0;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Undefined before the first result, and after a pause until the next one. */
  get completeToMs(): number | undefined {
    return this.#completeToMs;
  }

  /** Undefined while it is paused or runs. */
  get dueMs(): number | undefined {
    return this.#isPaused || this.isRunning ? undefined : this.#dueMs;
  }

  begin(nowMs: number): AbortSignal {
    const abort = new AbortController();
    this.#running = { beganMs: nowMs, abort };
    return abort.signal;
  }

  /** The result that `begin` asked for is taken; `beganUnixMs` is when the run began. */
  succeed(changedRows: number, beganUnixMs: number, nowMs: number): void {
    this.#end(nowMs, this.#options.every);
    this.#stats.changed_rows = changedRows;
    if (!this.#isPaused) this.#completeToMs = beganUnixMs;
    this.#error = undefined;
    this.#failuresInRow = 0;
    this.#slowInRow = this.#stats.last_ms > this.#options.every ? this.#slowInRow + 1 : 0;
  }

  fail(error: unknown, nowMs: number): void {
    if (this.#isPaused) return this.#end(nowMs, 0);
    const { every, retryMsMax } = this.#options;
    const pauseMs = Math.max(every, Math.min(retryMsMax, every * 2 ** this.#failuresInRow++));
    this.#end(nowMs, pauseMs);
    this.#stats.failures++;
    this.#error = messageOf(error);
  }

  /** Nobody waits for it any more. */
  pause(): void {
    this.#isPaused = true;
    this.#completeToMs = undefined;
    this.#running?.abort.abort(new Error("nobody watches any more"));
  }

  resume(): void {
    this.#isPaused = false;
    this.#dueMs = 0;
  }

  /** The next beginning is not before the end of this run. */
  #end(nowMs: number, pauseMs: number): void {
    const beganMs = this.#running?.beganMs ?? nowMs;
    this.#running = undefined;
    this.#dueMs = Math.max(beganMs + pauseMs, nowMs);
    this.#stats.runs++;
    this.#stats.last_ms = nowMs - beganMs;
  }

  /** What the channel's readers have to know of it. */
  status(): SourceStatus {
    const name = this.#name;
    if (this.#error !== undefined)
      return { status: "stale", reason: `${name} failed: ${this.#error}` };
    if (this.#completeToMs === undefined)
      return { status: "catching_up", reason: `${name} has not answered yet` };
    if (this.#slowInRow < SLOW_RUNS) return { status: "live" };
    const [took, every] = [this.#stats.last_ms, this.#options.every].map(secondsOf);
    return {
      status: "catching_up",
      reason: `${name} takes ${took} s, longer than its interval of ${every} s`,
    };
  }

  get #name(): string {
    const [parameter] = Object.entries(this.parameters);
    return parameter === undefined
      ? "the query"
      : `the query of ${parameter[0]} ${JSON.stringify(parameter[1])}`;
  }
}

function secondsOf(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
