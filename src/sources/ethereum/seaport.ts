/** Orders of Seaport that a call fills: what is sold, by whom, and for how much. */
import type { EthereumAction } from "./actions.ts";
import type { Calldata } from "./calldata.ts";

const RECIPIENTS_MAX = 64;
const ITEMS_MAX = 64;
/** Words of one offered item and of one asked for. */
const OFFER_WORDS = 5;
const ASKED_WORDS = 6;

/** A sale for coins, where the order offers the token; an accepted offer, where it asks for it. */
export function basicOrder(args: Calldata): EthereumAction | undefined {
  const order = args.at(0);
  if (order === undefined) return undefined;
  const [askedToken, askedId, askedAmount] = [order.address(0), order.uint(1), order.uint(2)];
  const [offerer, offeredToken] = [order.address(3), order.address(5)];
  const [offeredId, offeredAmount, type] = [order.uint(6), order.uint(7), order.small(8)];
  const extra = order.list(16, RECIPIENTS_MAX, (items, index) => items.uint(index * 2));
  if (
    askedToken === undefined ||
    askedId === undefined ||
    askedAmount === undefined ||
    offerer === undefined ||
    offeredToken === undefined ||
    offeredId === undefined ||
    offeredAmount === undefined ||
    type === undefined ||
    extra === undefined
  )
    return undefined;
  // Four kinds of each: tokens for coins, tokens for an ERC-20, an ERC-20 for tokens.
  if (type >= 16) return sale(askedToken, askedId, offerer, offeredToken, offeredAmount);
  const price = extra.reduce((sum, amount) => sum + amount, askedAmount);
  return sale(offeredToken, offeredId, offerer, type < 8 ? null : askedToken, price);
}

/** `fulfillOrder` and `fulfillAdvancedOrder`: the first argument begins with the parameters. */
export function fullOrder(args: Calldata): EthereumAction | undefined {
  const parameters = args.at(0)?.at(0);
  const offerer = parameters?.address(0);
  const offered = parameters?.list(2, ITEMS_MAX, itemReader(OFFER_WORDS));
  const asked = parameters?.list(3, ITEMS_MAX, itemReader(ASKED_WORDS));
  if (offerer === undefined || offered === undefined || asked === undefined) return undefined;
  const soldOffer = offered.find(isToken);
  const sold = soldOffer ?? asked.find(isToken);
  // Of an order that sells, all that it asks for is the price; of an offer, what it offers.
  const paid = (soldOffer === undefined ? offered : asked).filter((item) => !isToken(item));
  const [first] = paid;
  if (sold === undefined || first === undefined) return undefined;
  const price = paid.reduce((sum, { amount }) => sum + amount, 0n);
  return sale(sold.token, sold.id, offerer, first.type === 0 ? null : first.token, price);
}

interface Item {
  /** 0: the coin; 1: an ERC-20; from 2 on: ERC-721 and ERC-1155. */
  readonly type: number;
  readonly token: string;
  readonly id: bigint;
  readonly amount: bigint;
}

const isToken = ({ type }: Item): boolean => type >= 2;

function itemReader(words: number): (items: Calldata, index: number) => Item | undefined {
  return (items, index) => {
    const at = index * words;
    const [type, token] = [items.small(at), items.address(at + 1)];
    const [id, amount] = [items.uint(at + 2), items.uint(at + 3)];
    if (type === undefined || token === undefined) return undefined;
    return id === undefined || amount === undefined ? undefined : { type, token, id, amount };
  };
}

function sale(
  collection: string,
  tokenId: bigint,
  offerer: string,
  currency: string | null,
  price: bigint,
): EthereumAction {
  return {
    kind: "nft_sale",
    collection,
    token_id: String(tokenId),
    offerer,
    currency,
    price: String(price),
  };
}
