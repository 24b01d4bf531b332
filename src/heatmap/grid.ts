/**
 * The cells of one symbol, from whole data and the changes after it. Retains at most `CELLS_MAX`
 * cells: changes that would make more are refused.
 */
import { CELLS_MAX, type HeatmapChanges, type HeatmapData } from "./messages.ts";

interface Column {
  /** Undefined while only cells of the column have come. */
  close: number | undefined;
  /** Values by price, without zeros. */
  readonly cells: Map<number, number>;
}

export class Grid {
  readonly #columns = new Map<number, Column>();
  readonly #symbol: string;
  #step: number;
  #price: number | undefined;
  #asOf: number | undefined;

  constructor({ symbol, times, prices, values, closes, step, price, as_of: asOf }: HeatmapData) {
    this.#symbol = symbol;
    this.#step = step;
    this.#price = price;
    this.#asOf = asOf;
    times.forEach((time, place) => {
      const column = this.#column(time);
      column.close = closes[place];
      prices.forEach((level, line) => {
        const value = values[line]?.[place] ?? 0;
        if (value !== 0) column.cells.set(level, value);
      });
    });
  }

  /** The whole data after the changes; undefined when it would have too many cells. */
  apply(changes: HeatmapChanges): HeatmapData | undefined {
    for (const time of changes.removed_times) this.#columns.delete(time);
    for (const [time, price] of changes.removes) this.#columns.get(time)?.cells.delete(price);
    for (const [time, close] of changes.closes) this.#column(time).close = close;
    for (const [time, price, value] of changes.cells) this.#column(time).cells.set(price, value);
    this.#step = changes.step ?? this.#step;
    this.#price = changes.price ?? this.#price;
    this.#asOf = changes.as_of ?? this.#asOf;
    return this.#data();
  }

  #column(time: number): Column {
    let column = this.#columns.get(time);
    if (column === undefined) {
      column = { close: undefined, cells: new Map() };
      this.#columns.set(time, column);
    }
    return column;
  }

  #data(): HeatmapData | undefined {
    const columns = [...this.#columns]
      .filter(([, { close }]) => close !== undefined)
      .sort(([first], [second]) => first - second)
      .map(([time, column]) => ({ time, ...column }));
    const prices = this.#levels();
    if (prices === undefined || columns.length * prices.length > CELLS_MAX) return undefined;
    return {
      symbol: this.#symbol,
      times: columns.map(({ time }) => time),
      prices,
      values: prices.map((price) => columns.map(({ cells }) => cells.get(price) ?? 0)),
      closes: columns.map(({ close = 0 }) => close),
      step: this.#step,
      ...(this.#price !== undefined && { price: this.#price }),
      ...(this.#asOf !== undefined && { as_of: this.#asOf }),
    };
  }

  /** All levels from the lowest to the highest one that has a value; undefined for too many. */
  #levels(): readonly number[] | undefined {
    let lowest = Number.POSITIVE_INFINITY;
    let highest = Number.NEGATIVE_INFINITY;
    let count = 0;
    for (const { cells } of this.#columns.values()) {
      count += cells.size;
      for (const price of cells.keys()) {
        lowest = Math.min(lowest, Math.round(price / this.#step));
        highest = Math.max(highest, Math.round(price / this.#step));
      }
    }
    if (count === 0) return [];
    // Not true for a step of 0, either.
    if (!(highest - lowest < CELLS_MAX && count <= CELLS_MAX)) return undefined;
    const digits = Math.min(Math.max(0, -Math.floor(Math.log10(this.#step))), 100);
    return Array.from({ length: highest - lowest + 1 }, (_, index) =>
      Number(((lowest + index) * this.#step).toFixed(digits)),
    );
  }
}
