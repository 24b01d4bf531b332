/**
 * Queries as live tables: each is run again and again while somebody watches, and only the rows
 * that differ are appended. One loop starts what is due and appends what has ended, in the order
 * in which it ended.
 */
import { TidemarkError } from "../../std/errors.ts";
import type { ChannelDeclaration } from "../../log/channel.ts";
import { appendSurely } from "../append-surely.ts";
import { Draft } from "../draft.ts";
import { Pauses } from "../pauses.ts";
import type { Source, SourceContext, SourceDraft } from "../source.ts";
import { StatusBoard } from "../status-board.ts";
import { withinTime } from "../within-time.ts";
import { FIXED_POLLED_LIMITS, polledLimits, type PolledLimits } from "./limits.ts";
import { declarationOf, type PolledOptions, type PolledParameters } from "./options.ts";
import { PolledQuery, type QueryStats } from "./polled-query.ts";
import { QuerySet } from "./query-set.ts";
import type { ResultChange } from "./result.ts";

/** A run that has ended. */
interface Ended {
  readonly query: PolledQuery;
  readonly beganUnixMs: number;
  readonly change: ResultChange | { readonly error: unknown };
}

const LONG_MS = 60_000;

export class PolledSource implements Source {
  readonly name: string;
  readonly #options: PolledOptions;
  readonly #declaration: ChannelDeclaration;
  readonly #limits: PolledLimits;
  readonly #board: StatusBoard;
  readonly #pauses = new Pauses();
  readonly #retries = new Pauses();
  readonly #running = new Set<Promise<void>>();
  #queries: QuerySet | undefined;
  #ended: Ended[] = [];
  #context!: SourceContext;
  #asOfMs = 0;
  /** When a run last began, by the monotonic clock. */
  #beganMs = Number.NEGATIVE_INFINITY;
  /** Whether the table may have rows of an earlier process. */
  #isUnknown = true;
  #isStopped = false;
  #onFirst: () => void = () => {};
  #loop: Promise<void> = Promise.resolve();

  /** @throws TidemarkError `BAD_OPTION` */
  constructor(options: PolledOptions) {
    this.#options = options;
    this.#declaration = declarationOf(options);
    this.#limits = polledLimits(options.limits);
    this.name = options.name ?? `polled:${options.channel}`;
    this.#board = new StatusBoard([options.channel], {
      status: "catching_up",
      reason: "starting",
    });
  }

  /** The queries that are kept, for operators. */
  get stats(): { readonly queries: readonly QueryStats[] } {
    return { queries: Array.from(this.#queries?.queries ?? [], ({ stats }) => stats) };
  }

  /** Resolves after the first results of the queries that are watched at the start. */
  async start(context: SourceContext): Promise<void> {
    const { parameter, whenUnwatched } = this.#options;
    this.#context = context;
    const limits = this.#limits;
    const open = (parameters: PolledParameters) => this.#open(parameters);
    this.#queries = new QuerySet({ limits, open, parameter, whenUnwatched });
    const status = this.#board.pending();
    await context.append({ changes: [], declares: [this.#declaration], status });
    this.#board.told(status);
    if (this.#isStopped) return;
    const first = new Promise<void>((resolve) => {
      this.#onFirst = resolve;
    });
    const stopInterest = context.interest.onChange(() => this.#pauses.end());
    this.#loop = this.#run().finally(stopInterest);
    await first;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const query of this.#queries?.queries ?? []) query.pause();
    this.#pauses.end();
    this.#retries.end();
    this.#onFirst();
    await this.#loop;
    await Promise.all(this.#running);
    await this.#options.run.close?.();
  }

  #open(parameters: PolledParameters): PolledQuery {
    const { clock } = this.#context;
    const { retryMsMax, rowsMax } = this.#limits;
    const { every } = this.#options;
    const declaration = this.#declaration;
    return new PolledQuery({ clock, declaration, every, parameters, retryMsMax, rowsMax });
  }

  async #run(): Promise<void> {
    const { clock, interest } = this.#context;
    const { channel } = this.#options;
    while (!this.#isStopped) {
      try {
        const nowMs = clock.monotonic();
        const draft = new Draft();
        if (this.#options.parameter !== undefined && this.#isUnknown) {
          draft.reload(channel, []);
          this.#isUnknown = false;
        }
        for (const ended of this.#ended.splice(0)) this.#take(draft, ended, nowMs);
        for (const { result } of this.#set.follow(interest.views, nowMs))
          draft.add(channel, [], result.keys);
        const nextMs = this.#startDue(nowMs);
        await this.#append(draft);
        this.#tellFirst();
        if (this.#ended.length === 0) await this.#pauses.pause(clock, nextMs);
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== "SUPERSEDED") {
          if (this.#isStopped) return;
          throw error;
        }
        this.#context.logger.error(
          { source: this.name, err: error },
          "another reader appends for this source; this one has stopped",
        );
        this.#isStopped = true;
        for (const query of this.#set.queries) query.pause();
      }
    }
    this.#onFirst();
  }

  get #set(): QuerySet {
    return this.#queries as QuerySet;
  }

  /** Starts the runs that are due, and returns how long it is until something is next. */
  #startDue(nowMs: number): number {
    const { runsMax } = this.#limits;
    let nextMs = this.#set.coldMs ?? nowMs + LONG_MS;
    for (const query of this.#set.queries) {
      if (query.dueMs === undefined) continue;
      const dueMs = Math.max(query.dueMs, query.hasRun ? this.#beganMs + this.#gapMs : 0);
      if (dueMs > nowMs) nextMs = Math.min(nextMs, dueMs);
      // Those that wait for another one to end are started when it has.
      else if (this.#running.size < runsMax) this.#start(query, nowMs);
    }
    return Math.max(0, nextMs - nowMs);
  }

  /**
   * Between two beginnings: half of what would spread all queries over `every`. Queries that began
   * together do not compete for ever, and none falls behind.
   */
  get #gapMs(): number {
    return this.#options.every / (2 * this.#set.size);
  }

  #start(query: PolledQuery, nowMs: number): void {
    const { clock } = this.#context;
    this.#beganMs = nowMs;
    const { run } = this.#options;
    const signal = query.begin(nowMs);
    const beganUnixMs = clock.now();
    const limit = { clock, timeoutMs: this.#limits.timeoutMs, signal };
    const running = withinTime((own) => run(query.parameters, own), limit)
      .then((result) => query.result.take(result))
      .catch((error: unknown) => ({ error }))
      .then((change) => {
        this.#running.delete(running);
        this.#ended.push({ query, beganUnixMs, change });
        this.#pauses.end();
      });
    this.#running.add(running);
  }

  /** Notes what has ended. Queries that were closed before do not count any more. */
  #take(draft: Draft, { query, beganUnixMs, change }: Ended, nowMs: number): void {
    const { channel } = this.#options;
    if (!this.#set.has(query)) return;
    if ("error" in change) {
      query.fail(change.error, nowMs);
      if (!query.isPaused)
        this.#context.logger.warn(
          { source: this.name, parameters: query.parameters, err: change.error },
          "a run failed; it is tried again",
        );
      return;
    }
    if (this.#isUnknown) draft.reload(channel, change.upserts);
    else draft.add(channel, change.upserts, change.removes);
    this.#isUnknown = false;
    query.succeed(change.upserts.length + change.removes.length, beganUnixMs, nowMs);
  }

  async #append(draft: Draft): Promise<void> {
    const { changes } = draft;
    this.#board.set([this.#options.channel], this.#set.status);
    const status = this.#board.pending();
    const asOfMs = this.#freshness(changes.length > 0 || status.length > 0);
    if (changes.length === 0 && status.length === 0 && asOfMs === undefined) return;
    await this.#appendSurely({
      changes,
      ...(status.length > 0 && { status }),
      ...(asOfMs !== undefined && { asOfMs }),
    });
    this.#board.told(status);
    this.#asOfMs = asOfMs ?? this.#asOfMs;
  }

  /** The time up to which the channel is complete, if it is due to be told. */
  #freshness(isCommit: boolean): number | undefined {
    const { completeToMs } = this.#set;
    const stepMs = isCommit ? 1 : FIXED_POLLED_LIMITS.asOfIntervalMs;
    return completeToMs !== undefined && completeToMs - this.#asOfMs >= stepMs
      ? completeToMs
      : undefined;
  }

  /** What a result changes is not found again. */
  #appendSurely(draft: SourceDraft): Promise<void> {
    return appendSurely(draft, {
      context: this.#context,
      source: this.name,
      baseMs: FIXED_POLLED_LIMITS.appendRetryMs,
      capMs: FIXED_POLLED_LIMITS.appendRetryMsMax,
      pauses: this.#retries,
      isStopped: () => this.#isStopped,
    });
  }

  /** The start is over when each query that is polled has run. */
  #tellFirst(): void {
    const isWaiting = [...this.#set.queries].some(
      ({ isPaused, stats }) => !isPaused && stats.runs === 0,
    );
    if (!isWaiting && this.#ended.length === 0) this.#onFirst();
  }
}
