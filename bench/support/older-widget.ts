/** A widget of the older patterns: a list that is fetched again, or merged from pushed rows. */
import type { Trade } from "./trade.ts";

export interface OlderWidgetOptions<R> {
  readonly limit: number;
  /** Undefined where the rows are not looked at. */
  readonly fetchRows: () => Promise<readonly R[] | undefined>;
  readonly onRows: (rows: readonly R[]) => void;
  /** A pushed row that is no longer in the filter leaves. */
  readonly isShown?: (row: R) => boolean;
}

export class OlderWidget<R extends Trade> {
  readonly #options: OlderWidgetOptions<R>;
  #rows = new Map<string, R>();
  #isFetching = false;
  #isStale = false;

  constructor(options: OlderWidgetOptions<R>) {
    this.#options = options;
  }

  /** One query at a time; what changes meanwhile causes one more. */
  async refetch(): Promise<void> {
    this.#isStale = true;
    if (this.#isFetching) return;
    this.#isFetching = true;
    while (this.#isStale) {
      this.#isStale = false;
      const rows = await this.#options.fetchRows();
      if (rows === undefined) continue;
      this.#rows = new Map(rows.map((row) => [row.id, row]));
      this.#show();
    }
    this.#isFetching = false;
  }

  merge(pushed: readonly R[]): void {
    const { isShown } = this.#options;
    for (const row of pushed) {
      if (isShown === undefined || isShown(row)) this.#rows.set(row.id, row);
      else this.#rows.delete(row.id);
    }
    this.#show();
  }

  #show(): void {
    const rows = [...this.#rows.values()]
      .sort((a, b) => b.trade_id - a.trade_id)
      .slice(0, this.#options.limit);
    this.#rows = new Map(rows.map((row) => [row.id, row]));
    this.#options.onRows(rows);
  }
}
