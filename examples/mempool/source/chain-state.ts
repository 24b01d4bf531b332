/** What the dashboard's source keeps of one chain. */
import type { SourceStatus } from "tidemark";
import type { EthereumChain, EthereumTransaction } from "tidemark/ethereum";
import type { Market } from "../channels.ts";
import { TOKENS } from "../tokens.ts";
import { marketRow } from "./chain-rows.ts";
import type { Valuation } from "./features.ts";
import { GasPrices } from "./gas-prices.ts";
import type { OpportunityContext } from "./opportunities.ts";

/** Below so many pending transactions, quantiles say nothing. */
const SAMPLES_MIN = 20;
const GWEI = 1e9;

export class ChainState {
  readonly coin: string;
  status: SourceStatus = { status: "catching_up", reason: "starting" };
  position: string | undefined;
  asOfMs: number | undefined;
  #row: EthereumChain | undefined;
  #market: Market | undefined;
  readonly #gasPrices = new GasPrices();

  constructor(coin: string, position: string | undefined) {
    this.coin = coin;
    this.position = position;
  }

  get row(): EthereumChain | undefined {
    return this.#row;
  }

  onRow(row: EthereumChain): void {
    this.#row = row;
  }

  /** Undefined until the chain is known. */
  market(nowMs: number): Market | undefined {
    if (this.#row !== undefined)
      this.#market = marketRow(this.#row, this.#gasPrices, { coin: this.coin, nowMs });
    return this.#market;
  }

  onTransaction({ hash, status, max_fee, priority_fee }: EthereumTransaction): void {
    if (status === "pending")
      this.#gasPrices.set(hash, Number(max_fee) / GWEI, Number(priority_fee) / GWEI);
    else this.#gasPrices.delete(hash);
  }

  onGone(hash: string): void {
    this.#gasPrices.delete(hash);
  }

  onReload(): void {
    this.#gasPrices.clear();
  }

  get context(): OpportunityContext {
    const market = this.#market;
    const hasEnough = market !== undefined && market.samples >= SAMPLES_MIN;
    const price = this.#row?.price;
    const valuation: Valuation = {
      tokens: TOKENS.get(this.#row?.chain_id ?? 0) ?? new Map(),
      coin: this.coin,
      price: price === null || price === undefined ? undefined : Number(price),
    };
    return {
      valuation,
      baseFee: Number(market?.base_fee ?? 0),
      tipP90: hasEnough ? market.tip_p90 : null,
    };
  }
}
