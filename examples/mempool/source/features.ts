/** The features of a transaction: what it does, in symbols and units that people read. */
import type { EthereumAction, EthereumTransaction } from "tidemark/ethereum";
import type { Feature } from "../channels.ts";
import { decimalOf, type Token } from "../tokens.ts";

const COIN_DIGITS = 18;
const ACTIONS_MAX = 8;

/** What amounts of a chain are worth. */
export interface Valuation {
  readonly tokens: ReadonlyMap<string, Token>;
  readonly coin: string;
  /** US dollars for one coin; undefined where nobody says. */
  readonly price: number | undefined;
}

/** The coin, or the token behind an address. */
function tokenOf(address: string | null, { tokens, coin }: Valuation): Token | undefined {
  return address === null
    ? { symbol: coin, digits: COIN_DIGITS, unit: "coin" }
    : tokens.get(address);
}

/** An amount in coins; null where nothing tells what it is worth. */
export function valueOf(
  address: string | null,
  amount: string,
  valuation: Valuation,
): number | null {
  const token = tokenOf(address, valuation);
  if (token === undefined || token.unit === "other") return null;
  const units = Number(decimalOf(BigInt(amount), token.digits));
  if (token.unit === "coin") return rounded(units);
  return valuation.price === undefined ? null : rounded(units / valuation.price);
}

/** Two assets in the order of their names, so that both directions of a swap are one pair. */
export function pairOf(
  { token_in: left, token_out: right }: Extract<EthereumAction, { readonly kind: "swap" }>,
  valuation: Valuation,
): string {
  return [left, right]
    .map((address) => pairName(address, valuation))
    .sort()
    .join("/");
}

export function featuresOf(row: EthereumTransaction, valuation: Valuation): readonly Feature[] {
  return row.actions.slice(0, ACTIONS_MAX).map((action, index) => {
    const { asset, amount, value } = movedBy(action, valuation);
    return {
      id: `${row.hash}:${index}`,
      hash: row.hash,
      chain: row.chain,
      protocol: row.protocol,
      category: row.category,
      method: row.method,
      kind: action.kind,
      asset,
      amount,
      value,
      seen_unix_ms: row.seen_unix_ms,
    };
  });
}

type Moved = Pick<Feature, "asset" | "amount" | "value">;

function movedBy(action: EthereumAction, valuation: Valuation): Moved {
  switch (action.kind) {
    case "transfer":
    case "wrap":
    case "unwrap":
      return moved(action.token, action.amount, valuation);
    case "approval":
      // An approval moves nothing yet.
      return { ...moved(action.token, action.amount ?? "0", valuation), amount: null, value: null };
    case "swap": {
      const { amount, value } = moved(action.token_in, action.amount_in, valuation);
      return { asset: pairOf(action, valuation), amount, value };
    }
    case "nft_sale": {
      const { amount, value } = moved(action.currency, action.price, valuation);
      return { asset: action.collection, amount, value };
    }
    case "nft_transfer":
      return { asset: action.collection, amount: null, value: null };
    case "deployment":
      return { asset: null, amount: null, value: null };
  }
}

function moved(address: string | null, amount: string, valuation: Valuation): Moved {
  const token = tokenOf(address, valuation);
  if (token === undefined) return { asset: address, amount: null, value: null };
  return {
    asset: token.symbol,
    amount: decimalOf(BigInt(amount), token.digits),
    value: valueOf(address, amount, valuation),
  };
}

/** A wrapped coin is the coin. */
function pairName(address: string | null, valuation: Valuation): string {
  const token = tokenOf(address, valuation);
  if (token?.unit === "coin") return valuation.coin;
  return token?.symbol ?? address ?? valuation.coin;
}

function rounded(value: number): number {
  return Number(value.toPrecision(8));
}
