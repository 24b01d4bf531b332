/**
 * A connection that knows when it was last answered, so that the source notices when Postgres stops
 * answering.
 */
import type { Clock } from "../../std/clock.ts";
import type { SqlQueries, SqlRow, SqlSession, TransactionMode } from "./sql.ts";

export class ObservedSession implements SqlSession {
  readonly isShared: boolean;
  readonly prepared?: NonNullable<SqlSession["prepared"]>;
  readonly #session: SqlSession;
  readonly #clock: Clock;
  #answeredMs: number;

  constructor(session: SqlSession, clock: Clock) {
    this.#session = session;
    this.#clock = clock;
    this.#answeredMs = clock.monotonic();
    this.isShared = session.isShared;
    const { prepared } = session;
    if (prepared !== undefined)
      this.prepared = (name, text, parameters) => this.#answered(prepared(name, text, parameters));
  }

  /** Time since the last answer. A reader sends a query at least every half second. */
  get quietMs(): number {
    return this.#clock.monotonic() - this.#answeredMs;
  }

  query(text: string, parameters?: readonly unknown[]): Promise<readonly SqlRow[]> {
    return this.#answered(this.#session.query(text, parameters));
  }

  transaction<T>(mode: TransactionMode, run: (queries: SqlQueries) => Promise<T>): Promise<T> {
    return this.#answered(
      this.#session.transaction(mode, (queries) =>
        run({ query: (text, parameters) => this.#answered(queries.query(text, parameters)) }),
      ),
    );
  }

  listen(channel: string, onNotify: () => void): Promise<void> {
    return this.#answered(this.#session.listen(channel, onNotify));
  }

  onLost(callback: (reason: string) => void): void {
    this.#session.onLost(callback);
  }

  abandon(): void {
    this.#session.abandon();
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #answered<T>(asked: Promise<T>): Promise<T> {
    const answer = await asked;
    this.#answeredMs = this.#clock.monotonic();
    return answer;
  }
}
