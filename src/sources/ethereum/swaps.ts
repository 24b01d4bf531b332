/** Swaps of Uniswap's routers, and of those that share their interfaces. */
import type { CallInput, EthereumAction } from "./actions.ts";
import type { Calldata } from "./calldata.ts";

const HOPS_MAX = 16;
const COMMANDS_MAX = 32;
const ADDRESS_BYTES = 20;
/** A pool's fee stands between two tokens of a path. */
const HOP_BYTES = 23;
/** The bits of a command that say what it does; the others, whether it may fail. */
const COMMAND_MASK = 0x3f;

type Reader = (args: Calldata, call: CallInput) => EthereumAction | undefined;

interface V2Shape {
  readonly exact: "in" | "out";
  /** The word of each argument; undefined for what the call itself carries. */
  readonly amountIn?: number;
  readonly amountOut: number;
  readonly path: number;
  readonly coinIn?: true;
  readonly coinOut?: true;
}

/** A path is a list of tokens. The router wraps and unwraps the coin. */
export function v2Swap({ exact, amountIn, amountOut, path, coinIn, coinOut }: V2Shape): Reader {
  return (args, { value }) => {
    const tokens = args.list(path, HOPS_MAX, (items, index) => items.address(index));
    const first = tokens?.[0];
    const last = tokens?.at(-1);
    const spent = amountIn === undefined ? value : args.uint(amountIn);
    const got = args.uint(amountOut);
    if (first === undefined || last === undefined) return undefined;
    return swap(coinIn ? null : first, coinOut ? null : last, spent, got, exact);
  };
}

/** A struct of one pool: the words of both tokens come first, both amounts at `amounts`. */
export function v3Single(exact: "in" | "out", amounts: number): Reader {
  return (args) => {
    const [tokenIn, tokenOut] = [args.address(0), args.address(1)];
    const [first, second] = [args.uint(amounts), args.uint(amounts + 1)];
    if (tokenIn === undefined || tokenOut === undefined) return undefined;
    return exact === "in"
      ? swap(tokenIn, tokenOut, first, second, exact)
      : swap(tokenIn, tokenOut, second, first, exact);
  };
}

/** A struct whose first word leads to a packed path. */
export function v3Path(exact: "in" | "out", amounts: number): Reader {
  return (args) => {
    const struct = args.at(0);
    return (
      struct && alongPath(struct.bytes(0), struct.uint(amounts), struct.uint(amounts + 1), exact)
    );
  };
}

/** The commands of the universal router, each with an input of its own. */
export function universalSwaps(args: Calldata): readonly EthereumAction[] {
  const commands = args.bytes(0);
  const inputs = args.list(1, COMMANDS_MAX, (items, index) => items.bytes(index));
  if (commands === undefined || inputs === undefined) return [];
  return inputs.flatMap((input, index) => {
    const code = Number(commands.raw(index, 1) ?? Number.NaN) & COMMAND_MASK;
    return universalSwap(code, input) ?? [];
  });
}

/** Each begins with the recipient, and both amounts. */
function universalSwap(code: number, input: Calldata): EthereumAction | undefined {
  const [first, second] = [input.uint(1), input.uint(2)];
  switch (code) {
    case 0x00:
      return alongPath(input.bytes(3), first, second, "in");
    case 0x01:
      return alongPath(input.bytes(3), first, second, "out");
    case 0x08:
    case 0x09: {
      const tokens = input.list(3, HOPS_MAX, (items, index) => items.address(index));
      const [from, to] = [tokens?.[0], tokens?.at(-1)];
      if (from === undefined || to === undefined) return undefined;
      return code === 0x08
        ? swap(from, to, first, second, "in")
        : swap(from, to, second, first, "out");
    }
    default:
      return undefined;
  }
}

/** The path of an exact output begins with what it gives. `first` is the exact amount. */
function alongPath(
  path: Calldata | undefined,
  first: bigint | undefined,
  second: bigint | undefined,
  exact: "in" | "out",
): EthereumAction | undefined {
  if (path === undefined) return undefined;
  const hops = (path.byteLength - ADDRESS_BYTES) / HOP_BYTES;
  if (!Number.isInteger(hops) || hops < 1 || hops > HOPS_MAX) return undefined;
  const start = path.raw(0, ADDRESS_BYTES);
  const end = path.raw(hops * HOP_BYTES, ADDRESS_BYTES);
  if (start === undefined || end === undefined) return undefined;
  return exact === "in"
    ? swap(start, end, first, second, exact)
    : swap(end, start, second, first, exact);
}

function swap(
  tokenIn: string | null,
  tokenOut: string | null,
  amountIn: bigint | undefined,
  amountOut: bigint | undefined,
  exact: "in" | "out",
): EthereumAction | undefined {
  if (amountIn === undefined || amountOut === undefined) return undefined;
  return {
    kind: "swap",
    token_in: tokenIn,
    token_out: tokenOut,
    amount_in: String(amountIn),
    amount_out: String(amountOut),
    exact,
  };
}
