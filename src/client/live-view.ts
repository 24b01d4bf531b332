/** One query as the page shows it: its rows in order, how far they can be trusted, what is pinned, and who listens. */
import type { Column } from "../protocol/column.ts";
import type { Query } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import { OrderedRows } from "./ordered-rows.ts";
import type { ViewNews, ViewState } from "./port.ts";

/**
 * A reading of a view; a new object whenever something in it changed. `rows` and `row` read the view's
 * present rows, so read them from the newest snapshot, as React does.
 */
export interface ViewSnapshot<R = Row> extends ViewState {
  readonly rows: readonly R[];
  /** Keys of the rows, in order; together with `row(key)` this avoids a copy of all rows. */
  readonly keys: readonly string[];
  readonly row: (key: string) => R | undefined;
  /** Known once the server has answered; empty for a channel that declares none. */
  readonly columns: readonly Column[];
  readonly key: readonly string[];
}

/** A row that stays although it may have left the view. */
export interface PinnedRow<R = Row> {
  /** Its newest value that was part of the view. */
  readonly row: R;
  readonly isInView: boolean;
}

/** Pins of one view. Full: the oldest is let go. */
const PINS_MAX = 100;

const NOT_STARTED: ViewState = {
  status: "loading", reason: "not connected yet", error: undefined, asOf: undefined, seq: -1, epoch: undefined, isPartial: false, channelRows: undefined, total: undefined,
};

export class ViewCore {
  readonly id: string;
  readonly query: Query;
  readonly listeners = new Set<() => void>();
  readonly #rows = new OrderedRows();
  readonly #pins = new Map<string, Row | undefined>();
  #columns: readonly Column[] = [];
  #key: readonly string[] = [];
  #state = NOT_STARTED;
  /** Why nothing that is shown can be trusted, whatever the engine said last. */
  #doubt: string | undefined;
  #snapshot: ViewSnapshot | undefined;

  constructor(id: string, query: Query) {
    this.id = id;
    this.query = query;
  }

  row(key: string): Row | undefined {
    return this.#rows.row(key);
  }

  get size(): number {
    return this.#rows.size;
  }

  snapshot(): ViewSnapshot {
    this.#snapshot ??= this.#read();
    return this.#snapshot;
  }

  /** Applies a commit's part without telling anyone yet. */
  apply({ shape, rows, isForgotten, state }: ViewNews): void {
    if (isForgotten === true) this.#pins.clear();
    if (shape !== undefined) {
      this.#columns = shape.columns;
      this.#key = shape.key;
      this.#rows.configure(shape);
    }
    if (rows !== undefined) {
      this.#rows.apply(rows);
      for (const key of this.#pins.keys()) this.#pins.set(key, this.#rows.row(key) ?? this.#pins.get(key));
    }
    this.#state = state;
    this.#snapshot = undefined;
  }

  pin(key: string): void {
    const oldest = this.#pins.keys().next().value;
    if (this.#pins.size >= PINS_MAX && oldest !== undefined) this.#pins.delete(oldest);
    this.#pins.set(key, this.#rows.row(key));
  }

  unpin(key: string): void {
    this.#pins.delete(key);
  }

  pinned(key: string): PinnedRow | undefined {
    const row = this.#pins.get(key);
    return row && { row, isInView: this.#rows.row(key) !== undefined };
  }

  /** Nothing more comes, for good or until the doubt is lifted again. */
  setDoubt(reason: string | undefined): void {
    if (this.#doubt === reason) return;
    this.#doubt = reason;
    this.#snapshot = undefined;
    this.notify();
  }

  notify(): void {
    callAll(this.listeners);
  }

  #read(): ViewSnapshot {
    const source = this.#rows;
    const keys = source.keys;
    let rows: readonly Row[] | undefined;
    return {
      // Built when first asked for: a grid that reads by key never pays for it.
      get rows(): readonly Row[] {
        return (rows ??= keys.map((key) => source.row(key)).filter((row) => row !== undefined));
      },
      keys,
      row: (key) => source.row(key),
      ...this.#state,
      ...(this.#doubt !== undefined && { status: this.#state.status === "loading" ? "loading" : "stale", reason: this.#doubt }),
      columns: this.#columns,
      key: this.#key,
    };
  }
}

/** A listener that throws must not keep the others from hearing. */
export function callAll(listeners: Iterable<() => void>): void {
  for (const listener of listeners) {
    try {
      listener();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
