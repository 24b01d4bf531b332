/** What pending transactions would pay for gas in the next block, as a histogram. */
import { useMemo, type ReactElement } from "react";
import type { QueryOf } from "tidemark/client";
import { formatCount } from "../../ui/format.ts";
import { NoRows } from "../../ui/no-rows.tsx";
import type { Channels, Market } from "../channels.ts";
import { MARKETS } from "./chain-strip.tsx";
import { BINS, gasBins, placeOf, type GasBins } from "./gas-bins.ts";
import { Panel } from "./panel.tsx";
import { gwei } from "./text.ts";
import { useCalmQuery } from "./use-calm-query.ts";

const BIDS: QueryOf<Channels, "tx.main"> = {
  channel: "tx.main",
  where: { column: "status", eq: "pending" },
  columns: ["chain", "max_fee", "tip"],
};
const HEIGHT = 64;

export function Gas({
  chain: chosen,
  onChain,
}: {
  readonly chain: string | undefined;
  readonly onChain: (chain: string) => void;
}): ReactElement {
  const markets = useCalmQuery(MARKETS);
  const bids = useCalmQuery(BIDS);
  const market = markets.rows.find(({ chain }) => chain === chosen) ?? markets.rows.at(-1);
  const baseFee = Number(market?.base_fee ?? 0);
  const { rows } = bids;
  const chain = market?.chain;
  const bins = useMemo(
    () =>
      gasBins(
        rows.filter((row) => row.chain === chain),
        baseFee,
      ),
    [rows, chain, baseFee],
  );
  return (
    <Panel
      name="gas"
      title="Gas price"
      query={BIDS}
      tools={
        <span className="choices" role="group" aria-label="Chain">
          {markets.rows.map((each) => (
            <button
              key={each.chain}
              type="button"
              className="plain small"
              aria-pressed={each.chain === chain}
              onClick={() => onChain(each.chain)}
            >
              {each.chain}
            </button>
          ))}
        </span>
      }
    >
      {bins === undefined || market === undefined ? (
        <NoRows view={bids} isFiltered={false} />
      ) : (
        <Histogram bins={bins} market={market} />
      )}
    </Panel>
  );
}

function Histogram({
  bins: { low, high, counts, samples },
  market: { chain, base_fee, gas_p50, gas_p90, tip_p50 },
}: {
  readonly bins: GasBins;
  readonly market: Market;
}): ReactElement {
  const most = Math.max(...counts);
  const middle = Math.sqrt(low * high);
  const place = (price: number): number =>
    Math.min(1, Math.max(0, placeOf(price, low, high))) * BINS * 10;
  const marks = [
    ["base fee", base_fee === null ? null : Number(base_fee)],
    ["p50", gas_p50],
    ["p90", gas_p90],
  ] as const;
  return (
    <div className="gas">
      <svg
        viewBox={`0 0 ${BINS * 10} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Gas prices of ${samples} pending transactions on ${chain}`}
      >
        {counts.map((count, index) => (
          <rect
            key={index}
            x={index * 10 + 0.5}
            y={HEIGHT - (count / most) * (HEIGHT - 2)}
            width={9}
            height={(count / most) * (HEIGHT - 2)}
          />
        ))}
        {marks.map(
          ([name, price]) =>
            price !== null && (
              <line
                key={name}
                data-mark={name}
                x1={place(price)}
                x2={place(price)}
                y1={0}
                y2={HEIGHT}
              />
            ),
        )}
      </svg>
      <div className="axis number dim" aria-hidden="true">
        <span>{gwei(low)}</span>
        <span>{gwei(middle)}</span>
        <span>{gwei(high)} gwei</span>
      </div>
      <dl className="marks">
        {[...marks, ["median tip", tip_p50] as const].map(([name, price]) => (
          <div key={name} data-mark={name}>
            <dt className="dim">{name}</dt>
            <dd className="number">{gwei(price)}</dd>
          </div>
        ))}
        <div>
          <dt className="dim">pending</dt>
          <dd className="number">{formatCount(samples)}</dd>
        </div>
      </dl>
    </div>
  );
}
