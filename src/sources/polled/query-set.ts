/**
 * The queries of a polled source: one for each watched value of its parameter, or a single one.
 * Retains at most `parametersMax` queries with their results.
 */
import type { SourceStatus } from "../../log/log.ts";
import type { JsonValue } from "../../protocol/row.ts";
import type { WatchedView } from "../interest.ts";
import type { PolledLimits } from "./limits.ts";
import type { PolledOptions, PolledParameters } from "./options.ts";
import { PolledQuery } from "./polled-query.ts";

export interface QuerySetOptions {
  readonly parameter: PolledOptions["parameter"] | undefined;
  readonly whenUnwatched: PolledOptions["whenUnwatched"] | undefined;
  readonly limits: PolledLimits;
  readonly open: (parameters: PolledParameters) => PolledQuery;
}

/** Values that name no query of their own. */
type Value = string | number | boolean;

export class QuerySet {
  readonly #options: QuerySetOptions;
  readonly #queries = new Map<string, PolledQuery>();
  #leftOut: readonly Value[] = [];

  constructor(options: QuerySetOptions) {
    this.#options = options;
  }

  get queries(): Iterable<PolledQuery> {
    return this.#queries.values();
  }

  get size(): number {
    return this.#queries.size;
  }

  /** False for a query that has ended. */
  has(query: PolledQuery): boolean {
    return [...this.#queries.values()].includes(query);
  }

  /**
   * Follows what is watched. Returns the queries that ended: their rows leave the channel. A query
   * without parameter does not end, but pauses.
   */
  follow(views: readonly WatchedView[], nowMs: number): readonly PolledQuery[] {
    const { limits, parameter, whenUnwatched } = this.#options;
    const wanted =
      parameter === undefined
        ? new Map([["", { parameters: {}, watchers: views.length }]])
        : wantedOf(views, parameter);
    const isAlways = whenUnwatched === "poll";
    for (const [id, query] of this.#queries) {
      query.watchers = wanted.get(id)?.watchers ?? 0;
      if (query.watchers > 0 || isAlways) query.unwatchedSinceMs = undefined;
      else query.unwatchedSinceMs ??= nowMs;
    }
    const ended: PolledQuery[] = [];
    const isCold = ({ unwatchedSinceMs }: PolledQuery): boolean =>
      unwatchedSinceMs !== undefined && nowMs - unwatchedSinceMs >= limits.warmMs;
    const missing = [...wanted].filter(([id]) => !this.#queries.has(id));
    for (const [id, query] of this.#byNeed()) {
      const isInTheWay = this.#queries.size + missing.length > limits.parametersMax;
      if (parameter === undefined || !(isCold(query) || (isInTheWay && query.watchers === 0)))
        continue;
      query.pause();
      this.#queries.delete(id);
      ended.push(query);
    }
    this.#leftOut = [];
    for (const [id, { parameters, watchers }] of missing) {
      if (this.#queries.size >= limits.parametersMax) {
        this.#leftOut = [...this.#leftOut, ...(Object.values(parameters) as readonly Value[])];
        continue;
      }
      const query = this.#options.open(parameters);
      query.watchers = watchers;
      if (watchers === 0 && !isAlways) query.pause();
      this.#queries.set(id, query);
    }
    const single = this.#queries.get("");
    if (parameter === undefined && single !== undefined) pauseOrResume(single, isCold(single));
    return ended;
  }

  /** When a query that nobody watches is cold; undefined without one. */
  get coldMs(): number | undefined {
    const since = [...this.queries].flatMap((query) =>
      query.isPaused ? [] : (query.unwatchedSinceMs ?? []),
    );
    return since.length === 0 ? undefined : Math.min(...since) + this.#options.limits.warmMs;
  }

  /** Everything up to this time is in the channel; undefined where nothing is polled. */
  get completeToMs(): number | undefined {
    const times = this.#polled.map(({ completeToMs }) => completeToMs);
    return times.length === 0 || times.includes(undefined)
      ? undefined
      : Math.min(...(times as readonly number[]));
  }

  /** The worst of the queries, for the channel. */
  get status(): SourceStatus {
    const { limits, parameter } = this.#options;
    const statuses = this.#polled.map((query) => query.status());
    if (this.#leftOut.length > 0)
      return {
        status: "stale",
        reason: `more than ${limits.parametersMax} values of ${parameter} are watched, and these are not polled: ${namesOf(this.#leftOut)}`,
      };
    const worst =
      statuses.find(({ status }) => status === "stale") ??
      statuses.find(({ status }) => status === "catching_up") ??
      statuses[0];
    if (worst !== undefined) return worst;
    const what = parameter === undefined ? "a view is watched" : `a view names its ${parameter}`;
    return { status: "catching_up", reason: `polled when ${what}` };
  }

  get #polled(): readonly PolledQuery[] {
    return [...this.#queries.values()].filter(({ isPaused }) => !isPaused);
  }

  /** Those that nobody watches first, the oldest of them first. */
  #byNeed(): readonly (readonly [string, PolledQuery])[] {
    const since = ({ unwatchedSinceMs = Number.POSITIVE_INFINITY }: PolledQuery): number =>
      unwatchedSinceMs;
    return [...this.#queries].sort(([, left], [, right]) => since(left) - since(right));
  }
}

function pauseOrResume(query: PolledQuery, isCold: boolean): void {
  if (isCold && !query.isPaused) query.pause();
  else if (query.watchers > 0 && query.isPaused) query.resume();
}

interface Wanted {
  readonly parameters: PolledParameters;
  readonly watchers: number;
}

/** By value: the parameters, and how many views need them. */
function wantedOf(views: readonly WatchedView[], parameter: string): ReadonlyMap<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  for (const { equals } of views)
    for (const value of equals[parameter] ?? []) {
      if (!isValue(value)) continue;
      const id = JSON.stringify(value);
      const watchers = (wanted.get(id)?.watchers ?? 0) + 1;
      wanted.set(id, { parameters: { [parameter]: value }, watchers });
    }
  return wanted;
}

function isValue(value: JsonValue): value is Value {
  return value !== null && typeof value !== "object";
}

/** A few of the values, and how many more there are. */
function namesOf(values: readonly Value[]): string {
  const shown = values.slice(0, 3).map((value) => JSON.stringify(value));
  return values.length > 3 ? `${shown.join(", ")} and ${values.length - 3} more` : shown.join(", ");
}
