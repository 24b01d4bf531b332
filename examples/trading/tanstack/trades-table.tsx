/** The same table for both tapes. */
import type { ReactElement } from "react";
import type { Trade } from "../channels.ts";
import { groupDigits } from "../../ui/format.ts";
import { clockText } from "../page/format.ts";

export function TradesTable({ trades }: { readonly trades: readonly Trade[] }): ReactElement {
  return (
    <table>
      <thead>
        <tr>
          <th>time</th>
          <th>side</th>
          <th className="number">price</th>
          <th className="number">quantity</th>
        </tr>
      </thead>
      <tbody>
        {trades.map(({ id, time, side, price, quantity }) => (
          <tr key={id} data-id={id}>
            <td className="dim">{clockText(time)}</td>
            <td data-tone={side === "buy" ? "up" : "down"}>
              {side === "buy" ? "▲ buy" : "▼ sell"}
            </td>
            <td className="number">{groupDigits(price)}</td>
            <td className="number">{groupDigits(quantity)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
