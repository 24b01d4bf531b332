/** The order book of one market: asks above, bids below, with what has gathered up to each price. */
import { memo, useLayoutEffect, useRef, useState, type ReactElement, type RefObject } from "react";
import type { QueryOf } from "tidemark/client";
import type { Channels, Level } from "../../channels.ts";
import { groupDigits } from "../../../ui/format.ts";
import { FAST, useLiveQuery } from "../hooks.ts";
import { NoRows } from "../../../ui/no-rows.tsx";
import { SymbolSelect, useSymbol } from "../symbols.tsx";
import { useBadge } from "../use-badge.ts";
import { both, useFilters } from "../use-filters.ts";
import { WidgetFrame } from "../widget-frame.tsx";
import type { WidgetProps } from "../widget-props.ts";

const ROW_PX = 20;
/** The line between the two sides, and the head. */
const FIXED_PX = 52;
const LEVELS_MAX = 24;

export function Ladder(props: WidgetProps): ReactElement {
  const { widget, onChange } = props;
  const body = useRef<HTMLDivElement>(null);
  const count = useLevelCount(body);
  const symbol = useSymbol(widget.symbol);
  const { where, errors } = useFilters("depth", widget.filters);
  const query = (side: Level["side"]): QueryOf<Channels, "depth"> | undefined =>
    symbol === undefined
      ? undefined
      : {
          channel: "depth",
          where: both<Level>(
            {
              and: [
                { column: "symbol", eq: symbol },
                { column: "side", eq: side },
              ],
            },
            where,
          ),
          orderBy: [{ column: "price", direction: side === "ask" ? "asc" : "desc" }],
          limit: LEVELS_MAX,
        };
  const asks = useLiveQuery(query("ask"), FAST);
  const bids = useLiveQuery(query("bid"), FAST);
  const shownAsks = gathered(asks.rows.slice(0, count));
  const shownBids = gathered(bids.rows.slice(0, count));
  const most = Math.max(shownAsks.at(-1)?.total ?? 0, shownBids.at(-1)?.total ?? 0);
  return (
    <WidgetFrame
      {...props}
      title="Depth"
      {...useBadge(asks)}
      channel="depth"
      filterErrors={errors}
      tools={<SymbolSelect value={symbol} onChange={(chosen) => onChange({ symbol: chosen })} />}
    >
      <div ref={body} className="ladder" data-stale={asks.status === "stale"}>
        <div className="ladder-row dim">
          <span className="number">price</span>
          <span className="number">quantity</span>
          <span className="number">sum</span>
        </div>
        {shownAsks.length + shownBids.length === 0 ? (
          <NoRows view={asks} isFiltered={where !== undefined} />
        ) : (
          <>
            <div className="ladder-side asks">
              {shownAsks.toReversed().map((level) => (
                <LadderRow key={level.price} {...level} share={level.total / most} />
              ))}
            </div>
            <Spread bid={shownBids[0]?.price} ask={shownAsks[0]?.price} />
            <div className="ladder-side bids">
              {shownBids.map((level) => (
                <LadderRow key={level.price} {...level} share={level.total / most} />
              ))}
            </div>
          </>
        )}
      </div>
    </WidgetFrame>
  );
}

interface Gathered extends Level {
  /** The quantity from the best price to this one. */
  readonly total: number;
}

function gathered(levels: readonly Level[]): readonly Gathered[] {
  let total = 0;
  return levels.map((level) => ({ ...level, total: (total += Number(level.quantity)) }));
}

const LadderRow = memo(function LadderRow({
  side,
  price,
  quantity,
  total,
  share,
}: Gathered & { readonly share: number }): ReactElement {
  const digits = quantity.split(".")[1]?.length ?? 0;
  return (
    <div className="ladder-row" data-side={side} data-price={price}>
      <span className="bar" style={{ transform: `scaleX(${share.toFixed(4)})` }} />
      <span className="number price">{groupDigits(price)}</span>
      <span className="number">{groupDigits(quantity)}</span>
      <span className="number dim">{groupDigits(total.toFixed(digits))}</span>
    </div>
  );
});

function Spread({
  bid,
  ask,
}: {
  readonly bid: string | undefined;
  readonly ask: string | undefined;
}): ReactElement {
  const digits = ask?.split(".")[1]?.length ?? 0;
  return (
    <div className="spread">
      {bid !== undefined && ask !== undefined && (
        <>
          <span className="dim">spread</span>
          <span className="number">{groupDigits((Number(ask) - Number(bid)).toFixed(digits))}</span>
        </>
      )}
    </div>
  );
}

/** How many levels of each side have room. */
function useLevelCount(body: RefObject<HTMLElement | null>): number {
  const [count, setCount] = useState(10);
  useLayoutEffect(() => {
    const { current: element } = body;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() =>
      setCount(
        Math.max(
          1,
          Math.min(LEVELS_MAX, Math.floor((element.clientHeight - FIXED_PX) / 2 / ROW_PX)),
        ),
      ),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [body]);
  return count;
}
