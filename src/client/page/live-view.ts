/**
 * One query as the page shows it: its rows in order, how fresh they are, its pinned rows, and its
 * listeners.
 */
import type { Column } from "../../protocol/column.ts";
import type { WireQuery } from "../../protocol/query.ts";
import type { Row } from "../../protocol/row.ts";
import type { ViewHistory } from "./view-history.ts";
import { OrderedRows } from "./ordered-rows.ts";
import type { Layer, Overlay } from "../writes/overlay.ts";
import type { PageCursor, RowChanges, ViewNews, ViewShape, ViewState } from "../port.ts";
import type { RowPatch } from "../writes/row-patch.ts";

/**
 * A view's state: a new object whenever the state changes. `rows` and `row` read the view's
 * present rows, so use the newest snapshot only, as React does.
 */
export interface ViewSnapshot<R = Row> extends ViewState {
  /**
   * The same array until a row enters, leaves, changes or moves; a change of freshness keeps it.
   */
  readonly rows: readonly R[];
  /** Keys of the rows, in order: the same array until a row enters, leaves or moves. */
  readonly keys: readonly string[];
  /** The same function until a row of the view, or what is pending, changes. */
  readonly row: (key: string) => R | undefined;
  /**
   * Whether the row has a write of this page that the server's rows do not hold yet. The same
   * function as long as `row` is.
   */
  readonly isPending: (key: string) => boolean;
  /** Known once the server has answered; empty for a channel that declares none. */
  readonly columns: readonly Column[];
  readonly key: readonly string[];
  /** Present for a query with `history`, once its code is loaded. */
  readonly history: ViewHistory | undefined;
  /** Present while the view is paused. */
  readonly paused?: PausedState;
}

export interface PausedState {
  /** Rows that have entered, changed or left since. */
  readonly waiting: number;
  /** The server waits, too: there may be more than these. */
  readonly isMore: boolean;
  /** Shows the rows as they are then. */
  readonly resume: () => void;
}

/** A row that stays although it may have left the view. */
export interface PinnedRow<R = Row> {
  /** The newest value that the row had in the view. */
  readonly row: R;
  readonly isInView: boolean;
}

const NOT_STARTED: ViewState = {
  status: "loading",
  reason: "not connected yet",
  error: undefined,
  asOf: undefined,
  seq: -1,
  epoch: undefined,
  isBehind: true,
  isPartial: false,
  channelRows: undefined,
  totalRows: undefined,
  omittedRows: 0,
};

/** The cursor of rows that do not match the server's digest: before every write. */
const NOWHERE: PageCursor = { epoch: "", seq: -1 };

const NO_SHAPE: Pick<ViewShape, "columns" | "key"> = { columns: [], key: [] };

export class ViewCore {
  /** What the engine calls the view: another id each time that the view is opened there. */
  id: string;
  readonly query: WireQuery;
  readonly listeners = new Set<() => void>();
  /** Called with the changes of the server's own rows. */
  readonly followers = new Set<(changes: RowChanges) => void>();
  readonly #rows = new OrderedRows();
  #overlay: Overlay | undefined;
  #shape: ViewShape | undefined;
  #layer: Layer | undefined;
  readonly #pinsMax: number;
  readonly #pins = new Map<string, Row | undefined>();
  /** Somebody has asked for a pause, whose code may still be loading, and not resumed since. */
  isPausing = false;
  /** What a paused view shows. */
  still: ViewSnapshot | undefined;
  #state = NOT_STARTED;
  /** Why the rows can't be trusted; overrides the engine's last state. */
  #doubt: string | undefined;
  #snapshot: ViewSnapshot | undefined;
  #history: ViewHistory | undefined;

  constructor(id: string, query: WireQuery, pinsMax: number) {
    this.id = id;
    this.query = query;
    this.#pinsMax = pinsMax;
  }

  /** The shown state: with pending writes. */
  row(key: string): Row | undefined {
    return (this.#layer ?? this.#rows.shown).row(key);
  }

  /** The server's state, without pending writes. */
  baseRow(key: string): Row | undefined {
    return this.#rows.row(key);
  }

  get state(): ViewState {
    return this.#state;
  }

  get keys(): readonly string[] {
    return this.#rows.list.keys;
  }

  /** All rows as the server has them. */
  get baseRows(): readonly Row[] {
    return this.#rows.list.rows;
  }

  /** The cursor of the rows, on a page whose cursor is `page`; undefined before the first rows. */
  at(page: PageCursor | undefined): PageCursor | undefined {
    const { epoch, seq, isBehind, status } = this.#state;
    if (epoch !== undefined && seq >= 0) return isBehind ? { epoch, seq } : page;
    return status === "loading" || status === "refused" ? undefined : NOWHERE;
  }

  /** Lays pending writes over the rows. Returns whether the shown rows change. */
  layOver(
    patches: readonly RowPatch[],
    elsewhere: (key: string) => Row | undefined,
    createOverlay: (query: WireQuery) => Overlay,
  ): boolean {
    if (patches.length > 0 && this.#overlay === undefined) {
      this.#overlay = createOverlay(this.query);
      if (this.#shape !== undefined) this.#overlay.configure(this.#shape);
    }
    // An overlay keeps the rows that it was laid over.
    if (patches.length === 0) this.#overlay = undefined;
    const layer = this.#overlay?.over(this.#rows, patches, elsewhere);
    if (layer === this.#layer) return false;
    this.#layer = layer;
    this.#snapshot = undefined;
    return true;
  }

  snapshot(): ViewSnapshot {
    return this.still ?? (this.#snapshot ??= this.#read());
  }

  /** Applies the view's part of a commit without calling listeners yet. */
  apply({ shape, rows, isForgotten, state }: ViewNews): void {
    if (isForgotten === true) {
      this.#pins.clear();
      this.still = undefined;
    }
    // Each connection sends the shape anew, nearly always unchanged.
    if (shape !== undefined && JSON.stringify(shape) !== JSON.stringify(this.#shape)) {
      this.#rows.configure(shape);
      this.#shape = shape;
      this.#overlay?.configure(shape);
    }
    if (rows !== undefined) {
      this.#rows.apply(rows);
      for (const key of this.#pins.keys())
        this.#pins.set(key, this.#rows.row(key) ?? this.#pins.get(key));
    }
    this.#state = state;
    this.#snapshot = undefined;
  }

  /** What the view has of history. */
  setHistory(history: ViewHistory): void {
    this.#history = history;
    this.#snapshot = undefined;
  }

  pin(key: string): void {
    const oldest = this.#pins.keys().next().value;
    if (this.#pins.size >= this.#pinsMax && oldest !== undefined) this.#pins.delete(oldest);
    this.#pins.set(key, this.#rows.row(key));
  }

  unpin(key: string): void {
    this.#pins.delete(key);
  }

  pinned(key: string): PinnedRow | undefined {
    const shown = this.row(key);
    const row = shown ?? this.#pins.get(key);
    return row && this.#pins.has(key) ? { row, isInView: shown !== undefined } : undefined;
  }

  /** Marks the rows as not to be trusted, until this is called with `undefined`. */
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
    const { list, row, isPending } = this.#layer ?? this.#rows.shown;
    const { columns, key } = this.#shape ?? NO_SHAPE;
    return {
      // Made on first access: a grid that reads by key may never need it.
      get rows(): readonly Row[] {
        return list.rows;
      },
      keys: list.keys,
      row,
      isPending,
      ...this.#state,
      ...this.#distrust(),
      columns,
      key,
      history: this.#history,
    };
  }

  /** What the engine does not know: rows can't be trusted, or stand still. */
  #distrust(): Pick<ViewState, "status" | "reason"> | undefined {
    const isPaused = this.#history?.pausedAt !== undefined && this.#state.status !== "stale";
    const reason = this.#doubt ?? (isPaused ? "paused" : undefined);
    if (reason === undefined) return undefined;
    return { status: this.#state.status === "loading" ? "loading" : "stale", reason };
  }
}

/** A listener that throws must not keep the others from being called. */
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
