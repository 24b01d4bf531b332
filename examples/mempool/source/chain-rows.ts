/** The rows of `tx.main`, `chain.main` and `market.main`, from those of a chain's source. */
import type { SourceStatus } from "tidemark";
import type { EthereumChain, EthereumTransaction } from "tidemark/ethereum";
import type { ChainStatus, Market, TransactionSummary } from "../channels.ts";
import { decimalOf } from "../tokens.ts";
import { gweiOf, type GasPrices } from "./gas-prices.ts";

const COIN_DIGITS = 18;
const GAS_SHARES = [0.1, 0.25, 0.5, 0.75, 0.9, 0.99];
const TIP_SHARES = [0.5, 0.9];

export function summaryOf(row: EthereumTransaction): TransactionSummary {
  const { actions: _, value, max_fee, priority_fee, ...same } = row;
  return {
    ...same,
    value: decimalOf(BigInt(value), COIN_DIGITS),
    max_fee: gweiOf(max_fee),
    tip: gweiOf(priority_fee),
  };
}

export function statusRow(
  row: EthereumChain,
  status: SourceStatus,
  asOfMs: number | undefined,
): ChainStatus {
  const { gas_used, gas_limit, base_fee, price: _, price_source: _source, ...same } = row;
  return {
    ...same,
    status: status.status,
    reason: "reason" in status ? (status.reason ?? null) : null,
    gas_used_ratio: gas_limit === 0 ? 0 : Number((gas_used / gas_limit).toFixed(4)),
    base_fee: base_fee === null ? null : gweiOf(base_fee),
    as_of_unix_ms: asOfMs ?? null,
  };
}

export function marketRow(
  row: EthereumChain,
  gasPrices: GasPrices,
  { coin, nowMs }: { readonly coin: string; readonly nowMs: number },
): Market {
  const baseFee = row.base_fee === null ? null : gweiOf(row.base_fee);
  const { gas, tip, samples } = gasPrices.quantiles(Number(baseFee ?? 0), GAS_SHARES, TIP_SHARES);
  const at = (values: readonly (number | null)[], index: number): number | null =>
    values[index] ?? null;
  return {
    chain: row.chain,
    coin,
    base_fee: baseFee,
    gas_p10: at(gas, 0),
    gas_p25: at(gas, 1),
    gas_p50: at(gas, 2),
    gas_p75: at(gas, 3),
    gas_p90: at(gas, 4),
    gas_p99: at(gas, 5),
    tip_p50: at(tip, 0),
    tip_p90: at(tip, 1),
    samples,
    price: row.price,
    price_source: row.price_source,
    as_of_unix_ms: nowMs,
  };
}
