/** What the cell under the crosshair says; without one, where the most would be liquidated. */
import type { ReactElement, ReactNode } from "react";
import type { HeatmapData } from "../../model/grid.ts";
import { amountText, digitsOf, priceText, timeText } from "./ticks.ts";
import type { Cell, Extent } from "./viewport.ts";

export function Readout({
  data,
  extent,
  cell,
  price,
}: {
  readonly data: HeatmapData;
  readonly extent: Extent;
  readonly cell: Cell | undefined;
  readonly price: number | undefined;
}): ReactElement {
  const digits = digitsOf(extent.step);
  if (cell === undefined) {
    const { above, below } = largestNow(data, price);
    return (
      <dl id="readout" className="readout" aria-live="off">
        <Item name="most above" width={176}>
          {above === undefined ? "–" : <Level {...above} digits={digits} />}
        </Item>
        <Item name="most below" width={176}>
          {below === undefined ? "–" : <Level {...below} digits={digits} />}
        </Item>
      </dl>
    );
  }
  const share = price === undefined ? undefined : (cell.price / price - 1) * 100;
  return (
    <dl id="readout" className="readout" aria-live="polite">
      <Item name="time" width={40}>
        {timeText(cell.time)}
      </Item>
      <Item name="price" width={80}>
        {priceText(cell.price, digits)}
        {share !== undefined && (
          <span className="dim">
            {" "}
            {share < 0 ? "−" : "+"}
            {Math.abs(share).toFixed(2)}%
          </span>
        )}
      </Item>
      <Item name={cell.side === "long" ? "longs" : "shorts"} width={72}>
        {amountText(cell.value)} <span className="dim">USD</span>
      </Item>
    </dl>
  );
}

function Item({
  name,
  width,
  children,
}: {
  readonly name: string;
  readonly width: number;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <div>
      <dt>{name}</dt>
      <dd className="number" style={{ minWidth: `min(${width}px, 25vw)` }}>
        {children}
      </dd>
    </div>
  );
}

interface Amount {
  readonly price: number;
  readonly value: number;
}

function Level({ price, value, digits }: Amount & { readonly digits: number }): ReactElement {
  return (
    <>
      {priceText(price, digits)} <span className="dim">{amountText(value)} USD</span>
    </>
  );
}

/** The largest levels of the newest column, above and below the price. */
function largestNow(
  { prices, values, times }: HeatmapData,
  price: number | undefined,
): { readonly above: Amount | undefined; readonly below: Amount | undefined } {
  let above: Amount | undefined;
  let below: Amount | undefined;
  prices.forEach((level, line) => {
    const value = values[line]?.[times.length - 1] ?? 0;
    if (value === 0 || price === undefined) return;
    if (level > price && value > (above?.value ?? 0)) above = { price: level, value };
    if (level < price && value > (below?.value ?? 0)) below = { price: level, value };
  });
  return { above, below };
}
