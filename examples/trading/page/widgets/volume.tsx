/** How much of each market's newest trades was bought, and how much was sold. */
import { memo, type ReactElement } from "react";
import type { Volume } from "../../channels.ts";
import { formatCount, groupDigits } from "../../../ui/format.ts";
import { CALM, useLiveQuery } from "../hooks.ts";
import { NoRows } from "../../../ui/no-rows.tsx";
import { useBadge } from "../use-badge.ts";
import { useFilters } from "../use-filters.ts";
import { WidgetFrame } from "../widget-frame.tsx";
import type { WidgetProps } from "../widget-props.ts";

export function VolumeBySide(props: WidgetProps): ReactElement {
  const { widget, onSymbol } = props;
  const { where, errors } = useFilters("volumes", widget.filters);
  const view = useLiveQuery(
    {
      channel: "volumes",
      ...(where && { where }),
      orderBy: [{ column: "symbol" }, { column: "side" }],
      limit: 400,
    },
    CALM,
  );
  return (
    <WidgetFrame
      {...props}
      title="Volume"
      {...useBadge(view)}
      channel="volumes"
      filterErrors={errors}
    >
      <div className="volumes" role="table" aria-label="Volume by market and side">
        <div className="volume-row live-head" role="row">
          <span role="columnheader">market</span>
          <span role="columnheader" className="number">
            ▲ bought
          </span>
          <span role="columnheader" />
          <span role="columnheader" className="number">
            ▼ sold
          </span>
          <span role="columnheader" className="number">
            trades
          </span>
        </div>
        {bySymbol(view.rows).map(({ symbol, bought, sold }) => (
          <VolumeRow key={symbol} bought={bought} sold={sold} onPress={onSymbol} />
        ))}
        {view.keys.length === 0 && <NoRows view={view} isFiltered={where !== undefined} />}
      </div>
    </WidgetFrame>
  );
}

interface Pair {
  readonly symbol: string;
  readonly bought: Volume | undefined;
  readonly sold: Volume | undefined;
}

/** Rows in the order of their symbols, two of one symbol as a pair. */
function bySymbol(rows: readonly Volume[]): readonly Pair[] {
  const pairs: Pair[] = [];
  for (const row of rows) {
    const { symbol } = row;
    const before = pairs.at(-1)?.symbol === symbol ? pairs.pop() : undefined;
    const pair = before ?? { symbol, bought: undefined, sold: undefined };
    pairs.push(row.side === "buy" ? { ...pair, bought: row } : { ...pair, sold: row });
  }
  return pairs;
}

const VolumeRow = memo(function VolumeRow({
  bought,
  sold,
  onPress,
}: Omit<Pair, "symbol"> & { readonly onPress: (symbol: string) => void }): ReactElement {
  const [up, down] = [Number(bought?.volume ?? 0), Number(sold?.volume ?? 0)];
  const share = up / Math.max(up + down, Number.MIN_VALUE);
  const symbol = bought?.symbol ?? sold?.symbol ?? "";
  return (
    <div className="volume-row" role="row" data-key={symbol} onClick={() => onPress(symbol)}>
      <span role="cell">{symbol}</span>
      <span role="cell" className="number" data-tone="up">
        {groupDigits(bought?.volume ?? "0")}
      </span>
      <span role="cell" className="split" title={`${(share * 100).toFixed(1)} % bought`}>
        <span style={{ transform: `scaleX(${share.toFixed(4)})` }} />
      </span>
      <span role="cell" className="number" data-tone="down">
        {groupDigits(sold?.volume ?? "0")}
      </span>
      <span role="cell" className="number dim">
        {formatCount((bought?.trades ?? 0) + (sold?.trades ?? 0))}
      </span>
    </div>
  );
});
