/** A connection whose statements must be answered in time, and that tells how long the present one has waited. */
import type { Cancel, Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { SqlDatabase, SqlQueries, SqlRow, SqlSession, TransactionMode } from "./sql.ts";

export class TimedSession implements SqlSession {
  readonly isShared: boolean;
  readonly prepared?: NonNullable<SqlSession["prepared"]>;
  readonly #session: SqlSession;
  readonly #clock: Clock;
  readonly #limitMs: () => number;
  /** Since when each statement waits. */
  readonly #waiting = new Set<{ readonly sinceMs: number }>();

  /** `limitMs`: for the statement that begins now. */
  constructor(session: SqlSession, clock: Clock, limitMs: () => number) {
    this.#session = session;
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.isShared = session.isShared;
    const { prepared } = session;
    if (prepared !== undefined) this.prepared = (name, text, parameters) => this.#inTime(() => prepared(name, text, parameters));
  }

  /** How long the oldest statement has waited for its answer; 0 when there is none. */
  get waitedMs(): number {
    const [oldest] = this.#waiting;
    return oldest === undefined ? 0 : this.#clock.monotonic() - oldest.sinceMs;
  }

  query(text: string, parameters?: readonly unknown[]): Promise<readonly SqlRow[]> {
    return this.#inTime(() => this.#session.query(text, parameters));
  }

  transaction<T>(mode: TransactionMode, run: (queries: SqlQueries) => Promise<T>): Promise<T> {
    return this.#session.transaction(mode, (queries) => run({ query: (text, parameters) => this.#inTime(() => queries.query(text, parameters)) }));
  }

  listen(channel: string, onNotify: () => void): Promise<void> {
    return this.#session.listen(channel, onNotify);
  }

  onLost(callback: (reason: string) => void): void {
    this.#session.onLost(callback);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  /** @throws TidemarkError `SOURCE_DOWN` without an answer in time: the connection is of no use any more */
  async #inTime<T>(ask: () => Promise<T>): Promise<T> {
    const limitMs = this.#limitMs();
    const entry = { sinceMs: this.#clock.monotonic() };
    let cancel: Cancel = () => {};
    const timeout = new Promise<never>((_, reject) => {
      cancel = this.#clock.after(limitMs, () => reject(new TidemarkError("SOURCE_DOWN", `no answer for ${limitMs} ms`)));
    });
    this.#waiting.add(entry);
    const answer = ask();
    // Whichever comes second has nobody waiting for it any more.
    answer.catch(() => {});
    timeout.catch(() => {});
    try {
      return await Promise.race([answer, timeout]);
    } finally {
      cancel();
      this.#waiting.delete(entry);
    }
  }
}

/** Attempts under way at once. */
const ATTEMPTS_MAX = 8;

/**
 * Connects by the first attempt that succeeds: while one is not answered, by a network that swallows what it is
 * given, another begins every `everyMs`, so that the first after the network is back gets through.
 */
export function connectSoon(database: SqlDatabase, clock: Clock, everyMs: number): Promise<SqlSession> {
  return new Promise((resolve, reject) => {
    let open = 0;
    let isOver = false;
    let next: Cancel = () => {};
    const finish = (): boolean => {
      if (isOver) return false;
      isOver = true;
      next();
      return true;
    };
    const attempt = (): void => {
      open++;
      database.connect().then(
        (session) => {
          if (finish()) resolve(session);
          else session.close().catch(() => {});
        },
        (error: unknown) => {
          // Refused: the next is for who called to decide.
          if (--open === 0 && finish()) reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
      next = clock.after(everyMs, () => {
        if (!isOver && open < ATTEMPTS_MAX) attempt();
      });
    };
    attempt();
  });
}
