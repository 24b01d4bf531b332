/**
 * Tells from a transaction's input what it does: which protocol, which category, and its actions.
 * The input alone is read, never the chain, so it is what the sender asks for, not what happens.
 * One transaction costs a bounded number of decoded calls, whatever its input says.
 */
import {
  CATEGORY_OF,
  type CallInput,
  type EthereumAction,
  type EthereumCategory,
} from "./actions.ts";
import { Calldata } from "./calldata.ts";
import { basicOrder, fullOrder } from "./seaport.ts";
import { universalSwaps, v2Swap, v3Path, v3Single } from "./swaps.ts";

export interface DecodedCall {
  /** Such as `uniswap_v3`; `native` for plain payments, `unknown` for other calls. */
  readonly protocol: string;
  /** That of the first action. */
  readonly category: EthereumCategory;
  /** The function's name, or its selector where it is not known; null without input. */
  readonly method: string | null;
  readonly actions: readonly EthereumAction[];
}

type Actions = readonly EthereumAction[];
type Read = (args: Calldata, call: CallInput, budget: Budget) => Actions;

interface Budget {
  calls: number;
}

interface KnownMethod {
  readonly protocol: string;
  readonly name: string;
  readonly read: Read;
}

const CALLS_MAX = 32;
const SELECTOR_BYTES = 4;
/** More than any token has: an approval of so much is of everything. */
const UNLIMITED = 1n << 160n;

const one =
  (read: (args: Calldata, call: CallInput) => EthereumAction | undefined): Read =>
  (args, call) => {
    const action = read(args, call);
    return action === undefined ? [] : [action];
  };

const transfer = (toAt: number): Read =>
  one((args, { to: token }) => {
    const [to, amount] = [args.address(toAt), args.uint(toAt + 1)];
    if (token === null || to === undefined || amount === undefined) return undefined;
    return { kind: "transfer", token, to, amount: String(amount) };
  });

const approval = one((args, { to: token }) => {
  const [spender, amount] = [args.address(0), args.uint(1)];
  if (token === null || spender === undefined || amount === undefined) return undefined;
  return { kind: "approval", token, spender, amount: amount >= UNLIMITED ? null : String(amount) };
});

const approvalOfAll = one((args, { to: token }) => {
  const [spender, isApproved] = [args.address(0), args.small(1)];
  if (token === null || spender === undefined || isApproved === undefined) return undefined;
  return { kind: "approval", token, spender, amount: isApproved === 0 ? "0" : null };
});

const nftTransfer = one((args, { to: collection }) => {
  const [to, id] = [args.address(1), args.uint(2)];
  if (collection === null || to === undefined || id === undefined) return undefined;
  return { kind: "nft_transfer", collection, token_id: String(id), to };
});

const wrap = one((_args, { to: token, value }) =>
  token === null ? undefined : { kind: "wrap", token, amount: String(value) },
);

const unwrap = one((args, { to: token }) => {
  const amount = args.uint(0);
  if (token === null || amount === undefined) return undefined;
  return { kind: "unwrap", token, amount: String(amount) };
});

/** Calls of the same contract in one transaction; the list stands in this word. */
const multicall =
  (word: number): Read =>
  (args, call, budget) =>
    (args.list(word, CALLS_MAX, (items, index) => items.bytes(index)) ?? []).flatMap((input) => {
      const method = methodOf(input);
      if (method === undefined || budget.calls-- <= 0) return [];
      return method.read(input.after(SELECTOR_BYTES), call, budget);
    });

const KNOWN: Readonly<Record<string, KnownMethod>> = {
  "0xa9059cbb": { protocol: "erc20", name: "transfer", read: transfer(0) },
  "0x23b872dd": { protocol: "erc20", name: "transferFrom", read: transfer(1) },
  "0x095ea7b3": { protocol: "erc20", name: "approve", read: approval },
  "0x39509351": { protocol: "erc20", name: "increaseAllowance", read: approval },
  "0xa22cb465": { protocol: "erc721", name: "setApprovalForAll", read: approvalOfAll },
  "0x42842e0e": { protocol: "erc721", name: "safeTransferFrom", read: nftTransfer },
  "0xb88d4fde": { protocol: "erc721", name: "safeTransferFrom", read: nftTransfer },
  "0xf242432a": { protocol: "erc1155", name: "safeTransferFrom", read: nftTransfer },
  "0xd0e30db0": { protocol: "weth", name: "deposit", read: wrap },
  "0x2e1a7d4d": { protocol: "weth", name: "withdraw", read: unwrap },
  "0xfb0f3ee1": { protocol: "seaport", name: "fulfillBasicOrder", read: one(basicOrder) },
  "0x00000000": {
    protocol: "seaport",
    name: "fulfillBasicOrder_efficient_6GL6yc",
    read: one(basicOrder),
  },
  "0xb3a34c4c": { protocol: "seaport", name: "fulfillOrder", read: one(fullOrder) },
  "0xe7acab24": { protocol: "seaport", name: "fulfillAdvancedOrder", read: one(fullOrder) },
  ...v2Methods(),
  ...v3Methods(),
  "0x3593564c": { protocol: "universal_router", name: "execute", read: universalSwaps },
  "0x24856bc3": { protocol: "universal_router", name: "execute", read: universalSwaps },
};

function v2Methods(): Readonly<Record<string, KnownMethod>> {
  const of = (name: string, shape: Parameters<typeof v2Swap>[0]): KnownMethod => ({
    protocol: "uniswap_v2",
    name,
    read: one(v2Swap(shape)),
  });
  const exactIn = { exact: "in", amountIn: 0, amountOut: 1, path: 2 } as const;
  const exactOut = { exact: "out", amountOut: 0, amountIn: 1, path: 2 } as const;
  const coinIn = { exact: "in", amountOut: 0, path: 1, coinIn: true } as const;
  const coinOut = { ...exactIn, coinOut: true } as const;
  const fees = "SupportingFeeOnTransferTokens";
  return {
    "0x38ed1739": of("swapExactTokensForTokens", exactIn),
    "0x8803dbee": of("swapTokensForExactTokens", exactOut),
    "0x7ff36ab5": of("swapExactETHForTokens", coinIn),
    "0x4a25d94a": of("swapTokensForExactETH", { ...exactOut, coinOut: true }),
    "0x18cbafe5": of("swapExactTokensForETH", coinOut),
    "0xfb3bdb41": of("swapETHForExactTokens", { ...coinIn, exact: "out" }),
    "0x5c11d795": of(`swapExactTokensForTokens${fees}`, exactIn),
    "0xb6f9de95": of(`swapExactETHForTokens${fees}`, coinIn),
    "0x791ac947": of(`swapExactTokensForETH${fees}`, coinOut),
    // Of Uniswap's second router.
    "0x472b43f3": of("swapExactTokensForTokens", exactIn),
    "0x42712a67": of("swapTokensForExactTokens", exactOut),
  };
}

/** Each function twice: the structs of the first router have a deadline before the amounts. */
function v3Methods(): Readonly<Record<string, KnownMethod>> {
  const of = (name: string, read: Read): KnownMethod => ({ protocol: "uniswap_v3", name, read });
  return {
    "0x414bf389": of("exactInputSingle", one(v3Single("in", 5))),
    "0x04e45aaf": of("exactInputSingle", one(v3Single("in", 4))),
    "0xc04b8d59": of("exactInput", one(v3Path("in", 3))),
    "0xb858183f": of("exactInput", one(v3Path("in", 2))),
    "0xdb3e2198": of("exactOutputSingle", one(v3Single("out", 5))),
    "0x5023b4df": of("exactOutputSingle", one(v3Single("out", 4))),
    "0xf28c0498": of("exactOutput", one(v3Path("out", 3))),
    "0x09b81346": of("exactOutput", one(v3Path("out", 2))),
    "0xac9650d8": of("multicall", multicall(0)),
    "0x5ae401dc": of("multicall", multicall(1)),
    "0x1f0464d1": of("multicall", multicall(1)),
  };
}

export function decodeTransaction(call: CallInput): DecodedCall {
  const { to, value, input } = call;
  if (to === null) {
    const actions: Actions = [{ kind: "deployment", code_bytes: (input.length - 2) / 2 }];
    return { protocol: "native", category: "deployment", method: null, actions };
  }
  const data = new Calldata(input);
  const selector = data.raw(0, SELECTOR_BYTES);
  if (selector === undefined) {
    const actions: Actions = [{ kind: "transfer", token: null, to, amount: String(value) }];
    return { protocol: "native", category: "transfer", method: null, actions };
  }
  const method = methodOf(data);
  const actions = method?.read(data.after(SELECTOR_BYTES), call, { calls: CALLS_MAX }) ?? [];
  const [first] = actions;
  // What has the selector of a known function and not its arguments is another function.
  if (method === undefined || first === undefined)
    return { protocol: "unknown", category: "other", method: selector, actions: [] };
  const { protocol, name } = method;
  return { protocol, category: CATEGORY_OF[first.kind], method: name, actions };
}

function methodOf(input: Calldata): KnownMethod | undefined {
  const selector = input.raw(0, SELECTOR_BYTES) ?? "";
  return Object.hasOwn(KNOWN, selector) ? KNOWN[selector] : undefined;
}
