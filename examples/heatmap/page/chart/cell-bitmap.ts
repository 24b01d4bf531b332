/**
 * The cells as a bitmap with one pixel for each, which the chart draws enlarged. An update paints
 * the changed cells only, so nothing flickers, and a pan or zoom paints none.
 */
import type { HeatmapData } from "../../model/grid.ts";
import type { ColourScale } from "./colour-scale.ts";
import type { Extent } from "./viewport.ts";

export class CellBitmap {
  readonly canvas = document.createElement("canvas");
  readonly #context = this.canvas.getContext("2d");
  /** What the pixels stand for: with another grid or scale all of them are painted. */
  #meaning = "";
  #values: readonly (readonly number[])[] = [];
  #painted = 0;

  /** How many cells have been painted since the start. */
  get painted(): number {
    return this.#painted;
  }

  show(data: HeatmapData, extent: Extent, scale: ColourScale): void {
    const { fromMs, low, intervalMs, step } = extent;
    const columns = Math.round((extent.toMs - fromMs) / intervalMs);
    const levels = data.prices.length;
    const meaning = [fromMs, intervalMs, columns, low, step, levels, scale.id].join();
    if (meaning !== this.#meaning) {
      this.#meaning = meaning;
      this.#values = [];
      // Clears it, too.
      this.canvas.width = columns;
      this.canvas.height = levels;
    }
    data.values.forEach((row, level) => {
      const before = this.#values[level];
      row.forEach((value, column) => {
        if (value === (before?.[column] ?? 0)) return;
        const time = data.times[column] ?? fromMs;
        this.#paint(Math.round((time - fromMs) / intervalMs), levels - 1 - level, scale, value);
      });
    });
    this.#values = data.values;
  }

  #paint(x: number, y: number, scale: ColourScale, value: number): void {
    this.#painted++;
    const colour = scale.colourOf(value);
    if (this.#context === null) return;
    if (colour === undefined) return this.#context.clearRect(x, y, 1, 1);
    this.#context.fillStyle = colour;
    this.#context.fillRect(x, y, 1, 1);
  }
}
