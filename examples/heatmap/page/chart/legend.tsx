/** The colour scale with its values, and a mark at the value under the crosshair. */
import type { ReactElement } from "react";
import { gradientOf, scaleTicks, shareOf, type ColourScale } from "./colour-scale.ts";
import { amountText } from "./ticks.ts";

export function Legend({
  scale,
  isDark,
  value,
}: {
  readonly scale: ColourScale;
  readonly isDark: boolean;
  readonly value: number | undefined;
}): ReactElement {
  const share = value === undefined ? undefined : shareOf(value, scale.high);
  return (
    <figure className="legend" aria-label="Colour scale">
      <figcaption className="dim">USD liquidated in a cell, estimated</figcaption>
      <div className="scale">
        <div className="colours" style={{ background: gradientOf(isDark) }}>
          {share !== undefined && <span className="mark" style={{ left: `${share * 100}%` }} />}
        </div>
        <div className="ticks number">
          {scaleTicks(scale).map(([amount, place]) => (
            <span key={place} style={{ left: `${place * 100}%` }}>
              {amountText(amount)}
            </span>
          ))}
        </div>
      </div>
    </figure>
  );
}
