/** Each chain in a line: its head, the progress of the next block, the base fee and its coin. */
import { useEffect, useState, type ReactElement } from "react";
import type { QueryOf } from "tidemark/client";
import { Badge } from "../../ui/badge.tsx";
import { formatAge, formatCount, groupDigits } from "../../ui/format.ts";
import { useNow } from "../../ui/use-now.ts";
import type { Channels, ChainStatus, Market } from "../channels.ts";
import { useConnection } from "./hooks.ts";
import { StreamNote } from "./stream-note.tsx";
import { gwei } from "./text.ts";
import { useCalmQuery } from "./use-calm-query.ts";

const CHAINS: QueryOf<Channels, "chain.main"> = {
  channel: "chain.main",
  orderBy: [{ column: "chain_id" }],
};
export const MARKETS: QueryOf<Channels, "market.main"> = {
  channel: "market.main",
  orderBy: [{ column: "chain" }],
};
/** Base fees of so many blocks are drawn. */
const BLOCKS_MAX = 40;
const FRESH_MS = 3_000;

export function ChainStrip(): ReactElement {
  const view = useCalmQuery(CHAINS);
  const markets = useCalmQuery(MARKETS);
  return (
    <section className="chains" aria-label="Chains" data-stale={view.status === "stale"}>
      {view.rows.map((row) => (
        <Chain
          key={row.chain}
          row={row}
          market={markets.row(row.chain)}
          outage={view.status === "stale" ? view.reason : undefined}
        />
      ))}
      {view.rows.length === 0 && <span className="chain dim">{view.reason ?? "No chain yet"}</span>}
      <StreamNote channel={CHAINS.channel} />
    </section>
  );
}

function Chain({
  row,
  market,
  outage,
}: {
  readonly row: ChainStatus;
  readonly market: Market | undefined;
  /** Why the page hears of no chain. */
  readonly outage: string | undefined;
}): ReactElement {
  const { clockOffsetMs } = useConnection();
  const nowMs = useNow() + clockOffsetMs;
  const { chain, head, base_fee, pending, reorgs, reorg_depth, as_of_unix_ms } = row;
  const ageMs = as_of_unix_ms === null ? undefined : nowMs - as_of_unix_ms;
  const age = ageMs === undefined || ageMs < FRESH_MS ? undefined : `as of ${formatAge(ageMs)}`;
  return (
    <div className="chain" data-chain={chain}>
      <div className="line">
        <strong>{chain}</strong>
        <Badge status={outage === undefined ? row.status : "stale"} why={row.reason ?? age} />
        <span className="spacer" />
        <Figure name="base fee" unit="gwei" title="Of the next block">
          {gwei(base_fee)}
        </Figure>
        <BaseFees head={head} baseFee={base_fee} />
      </div>
      <div className="line">
        <span className="number" title={row.head_hash}>
          #{groupDigits(String(head))}
        </span>
        <BlockProgress row={row} nowMs={nowMs} />
        <Figure name="pending">{formatCount(pending)}</Figure>
        {reorgs > 0 && (
          <Figure name="reorgs" title={`The last one took back ${reorg_depth} blocks`}>
            {formatCount(reorgs)}
          </Figure>
        )}
        {row.missed > 0 && (
          <Figure name="missed" title="Announced transactions that could not be read in time">
            {formatCount(row.missed)}
          </Figure>
        )}
        {market?.price != null && (
          <Figure
            name={market.coin}
            unit="USD"
            title={`Source: ${market.price_source ?? "unknown"}`}
          >
            {groupDigits(Number(market.price).toFixed(2))}
          </Figure>
        )}
      </div>
    </div>
  );
}

/** The time since the last block, as a share of the usual time, and how full that block is. */
function BlockProgress({
  row: { head_unix_ms, block_interval_ms, gas_used_ratio },
  nowMs,
}: {
  readonly row: ChainStatus;
  readonly nowMs: number;
}): ReactElement {
  const sinceMs = Math.max(0, nowMs - head_unix_ms);
  const share = block_interval_ms === null ? 0 : Math.min(1, sinceMs / block_interval_ms);
  const isLate = block_interval_ms !== null && sinceMs > 3 * block_interval_ms;
  const usual = block_interval_ms === null ? "" : ` of ${(block_interval_ms / 1_000).toFixed(0)} s`;
  return (
    <span
      className="block"
      data-late={isLate}
      title={`The last block is ${(gas_used_ratio * 100).toFixed(0)} % full`}
    >
      <span className="track" aria-hidden="true">
        <span style={{ transform: `scaleX(${share.toFixed(3)})` }} />
      </span>
      <span className="number">
        {isLate && "late: "}
        {Math.round(sinceMs / 1_000)} s{usual}
      </span>
      <span className="number dim">{(gas_used_ratio * 100).toFixed(0)} % full</span>
    </span>
  );
}

/** The base fees of the blocks that this page has seen. */
function BaseFees({
  head,
  baseFee,
}: {
  readonly head: number;
  readonly baseFee: string | null;
}): ReactElement {
  const [blocks, setBlocks] = useState<readonly { readonly head: number; readonly fee: number }[]>(
    [],
  );
  useEffect(() => {
    if (baseFee === null) return;
    const block = { head, fee: Number(baseFee) };
    // A reorganisation takes blocks back.
    setBlocks((before) => [...before.filter((each) => each.head < head), block].slice(-BLOCKS_MAX));
  }, [head, baseFee]);
  const fees = blocks.map(({ fee }) => fee);
  const [low, high] = [Math.min(...fees), Math.max(...fees)];
  const points = fees.map((fee, index) => {
    const x = 80 - (fees.length - 1 - index) * 2;
    const y = high === low ? 9 : 17 - ((fee - low) / (high - low)) * 16;
    return `${x},${y.toFixed(1)}`;
  });
  return (
    <svg
      className="spark"
      viewBox="0 0 82 18"
      width="82"
      height="18"
      role="img"
      aria-label={`Base fees of the last ${fees.length} blocks`}
    >
      <title>{`Base fees of the last ${fees.length} blocks: ${gwei(low)} to ${gwei(high)} gwei`}</title>
      <polyline points={points.join(" ")} />
      {points.length > 0 && <circle cx="80" cy={points.at(-1)?.split(",")[1] ?? 9} r="1.5" />}
    </svg>
  );
}

function Figure({
  name,
  unit,
  title,
  children,
}: {
  readonly name: string;
  readonly unit?: string;
  readonly title?: string;
  readonly children: string;
}): ReactElement {
  return (
    <span className="figure" title={title}>
      <span className="dim">{name}</span> <span className="number">{children}</span>
      {unit !== undefined && <span className="dim"> {unit}</span>}
    </span>
  );
}
