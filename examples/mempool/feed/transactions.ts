/**
 * The transactions of the built-in feed. Each is a function of the seed, its chain and its number,
 * so that one can be made again from these, whenever somebody asks for its details.
 */
import { createHash } from "node:crypto";
import type { RawTransaction } from "tidemark/ethereum";
import { SeededRandom } from "../../trading/feed/random.ts";
import { TOKENS } from "../tokens.ts";
import { bytes, call, dynamicList, list, word } from "./calls.ts";
import type { ChainProfile } from "./chain-profile.ts";

/** Names a transaction of the feed. */
export interface TransactionId {
  readonly seed: number;
  readonly index: number;
  /** 1: the one that replaces number `index`, with the same sender and nonce. */
  readonly bump: 0 | 1;
}

const ACCOUNTS = 5_000;
const CONTRACTS = 40;
const GWEI = 1e9;
const ROUTER_V2 = "0x7a250d5630b4cf539739df2c5dacb4c659f2488d";
const ROUTER_V3 = "0x68b3465833fb72a70ecdf485e0e4c7bd8665fc45";
const ROUTER_UNIVERSAL = "0x66a9893cc07d91d95644aedd05d03f95e1dba8af";
const SEAPORT = "0x0000000000000068f116a894984e2db1123eb395";
/** A deadline that no transaction of the feed outlives. */
const DEADLINE = 4_102_444_800n;
const POOL_FEES = ["0001f4", "000bb8", "002710"];

interface Call {
  readonly to: string | null;
  readonly value: bigint;
  readonly gas: number;
  readonly input: string;
}

type MakeCall = (maker: CallMaker) => Call;

/** What people do, with how often. */
const KINDS: readonly (readonly [share: number, make: MakeCall])[] = [
  [0.32, (maker) => maker.payment()],
  [0.22, (maker) => maker.tokenTransfer()],
  [0.11, (maker) => maker.approval()],
  [0.1, (maker) => maker.v2Swap()],
  [0.07, (maker) => maker.v3Swap()],
  [0.05, (maker) => maker.universalSwap()],
  [0.04, (maker) => maker.nftSale()],
  [0.02, (maker) => maker.nftTransfer()],
  [0.02, (maker) => maker.wrap()],
  [0.005, (maker) => maker.deployment()],
];

/** Its end names the transaction, so that nothing has to be kept to make it again. */
const INDEX_DIGITS = 12;

function hashOf({ id: chainId }: ChainProfile, { seed, index, bump }: TransactionId): string {
  const end = `${index.toString(16).padStart(INDEX_DIGITS, "0")}0${bump}`;
  return `0x${digest(`${seed}/${chainId}/${index}/${bump}`).slice(end.length)}${end}`;
}

/** The transaction of this seed that has the hash. */
export function findTransaction(
  profile: ChainProfile,
  seed: number,
  hash: string,
): RawTransaction | undefined {
  const index = Number.parseInt(hash.slice(-INDEX_DIGITS - 2, -2), 16);
  const id: TransactionId = { seed, index, bump: hash.endsWith("1") ? 1 : 0 };
  return hashOf(profile, id) === hash ? makeTransaction(profile, id) : undefined;
}

export function makeTransaction(profile: ChainProfile, id: TransactionId): RawTransaction {
  const { seed, index, bump } = id;
  const random = new SeededRandom(Math.imul(seed * 31 + profile.id, 0x9e3779b1) + index);
  const maker = new CallMaker(profile, random);
  let left = random.next();
  const kind = KINDS.find(([share]) => (left -= share) < 0);
  const { to, value, gas, input } = (kind?.[1] ?? ((each) => each.unknown()))(maker);
  // Who replaces a transaction has to offer a tenth more.
  const factor = bump === 0 ? 1 : 1.15;
  const maxFee = gweiToWei(profile.feeGwei * Math.exp(random.normal() * 0.6) * factor);
  // A few pay for their place in the block.
  const haste = random.isBelow(0.01) ? 25 : 1;
  const tip = gweiToWei(profile.tipGwei * Math.exp(random.normal() * 0.7) * haste * factor);
  const sender = index % ACCOUNTS;
  return {
    hash: hashOf(profile, id),
    from: account(profile, sender),
    to,
    nonce: Math.floor(index / ACCOUNTS),
    value,
    gas,
    maxFee: maxFee > tip ? maxFee : tip,
    priorityFee: tip,
    input,
  };
}

class CallMaker {
  readonly #profile: ChainProfile;
  readonly #random: SeededRandom;

  constructor(profile: ChainProfile, random: SeededRandom) {
    this.#profile = profile;
    this.#random = random;
  }

  payment(): Call {
    return { to: this.#account(), value: this.#coins(0.4), gas: 21_000, input: "0x" };
  }

  tokenTransfer(): Call {
    const [token, amount] = this.#amount(0.5);
    const input = call("0xa9059cbb", this.#account(), amount);
    return { to: token, value: 0n, gas: 55_000, input };
  }

  approval(): Call {
    const [token, amount] = this.#amount(2);
    const isUnlimited = this.#random.isBelow(0.6);
    const input = call("0x095ea7b3", ROUTER_V2, isUnlimited ? (1n << 256n) - 1n : amount);
    return { to: token, value: 0n, gas: 48_000, input };
  }

  v2Swap(): Call {
    const spent = this.#coins(1.2);
    const [weth, token] = this.#pair();
    const got = this.#expected(token, spent);
    if (this.#random.isBelow(0.6)) {
      const path = list(weth, token);
      const head = call("0x7ff36ab5", got, 0x80, this.#account(), DEADLINE);
      return { to: ROUTER_V2, value: spent, gas: 160_000, input: head + path };
    }
    const path = list(token, weth);
    const least = this.#reduced(spent);
    const paid = this.#worth(token, spent);
    const head = call("0x18cbafe5", paid, least, 0xa0, this.#account(), DEADLINE);
    return { to: ROUTER_V2, value: 0n, gas: 170_000, input: head + path };
  }

  v3Swap(): Call {
    const spent = this.#coins(1.5);
    const [weth, token] = this.#pair();
    const fee = Number.parseInt(this.#poolFee(), 16);
    const least = this.#expected(token, spent);
    const input = call("0x04e45aaf", weth, token, fee, this.#account(), spent, least, 0);
    return { to: ROUTER_V3, value: 0n, gas: 180_000, input };
  }

  universalSwap(): Call {
    const spent = this.#coins(0.9);
    const [weth, token] = this.#pair();
    const path = bytes(weth.slice(2) + this.#poolFee() + token.slice(2));
    const least = this.#expected(token, spent);
    const swap = [word(1), word(spent), word(least), word(0xa0), word(0), path].join("");
    const wrapped = bytes(word(2) + word(spent));
    const inputs = dynamicList([wrapped, bytes(swap)]);
    // 0b wraps the coin, 00 swaps along the path.
    const commands = bytes("0b00");
    const head = call("0x3593564c", 0x60, 0x60 + commands.length / 2, DEADLINE);
    return { to: ROUTER_UNIVERSAL, value: spent, gas: 210_000, input: head + commands + inputs };
  }

  nftSale(): Call {
    const price = this.#coins(0.3);
    const fee = price / 40n;
    // Coins are asked, all but the fee.
    const asked = [0, 0, price - fee, this.#account(), 0];
    const offered = [this.#contract("nft"), this.#number(10_000), 1, 0];
    // Times, hashes, keys and salt; then where the other recipients and the signature stand.
    const terms = [0, DEADLINE, 0, this.#number(1e9), 0, 0, 1, 0x240, 0x2a0];
    const others = [1, fee, this.#account()];
    const input = call("0xfb0f3ee1", 0x20, ...asked, ...offered, ...terms, ...others);
    return { to: SEAPORT, value: price, gas: 150_000, input: input + bytes("00".repeat(64)) };
  }

  nftTransfer(): Call {
    const id = this.#number(10_000);
    const input = call("0x42842e0e", this.#account(), this.#account(), id);
    return { to: this.#contract("nft"), value: 0n, gas: 80_000, input };
  }

  wrap(): Call {
    const amount = this.#coins(0.8);
    const [weth] = this.#pair();
    return this.#random.isBelow(0.5)
      ? { to: weth, value: amount, gas: 45_000, input: "0xd0e30db0" }
      : { to: weth, value: 0n, gas: 45_000, input: call("0x2e1a7d4d", amount) };
  }

  deployment(): Call {
    const code = "60806040".repeat(50 + this.#number(400));
    return { to: null, value: 0n, gas: 1_200_000, input: `0x${code}` };
  }

  unknown(): Call {
    const contract = this.#number(CONTRACTS);
    const selector = digest(`method/${contract}/${this.#number(3)}`).slice(0, 8);
    const input = call(`0x${selector}`, this.#account(), this.#number(1e9));
    const value = this.#random.isBelow(0.2) ? this.#coins(0.1) : 0n;
    return { to: account(this.#profile, contract, "contract"), value, gas: 120_000, input };
  }

  /** The wrapped coin, and a token that it is exchanged for. */
  #pair(): readonly [string, string] {
    const [weth = "", ...others] = TOKENS.get(this.#profile.id)?.keys() ?? [];
    // The first ones are exchanged most.
    const at = Math.min(others.length - 1, this.#random.geometric(1));
    return [weth, others[at] ?? weth];
  }

  /** A token with an amount of about so much worth. */
  #amount(coins: number): readonly [token: string, amount: bigint] {
    const [, token] = this.#pair();
    return [token, this.#worth(token, this.#coins(coins))];
  }

  /** Amounts have a long tail: few of them are large. */
  #coins(mean: number): bigint {
    const coins = mean * Math.exp(this.#random.normal() * 1.4 - 0.8);
    return BigInt(Math.max(1, Math.round(coins * 1e6))) * 10n ** 12n;
  }

  /** So many of a token as coins are worth by the first price. */
  #worth(address: string, coins: bigint): bigint {
    const token = TOKENS.get(this.#profile.id)?.get(address);
    const rate = token?.unit === "dollar" ? this.#profile.price : token?.unit === "coin" ? 1 : 200;
    return (
      (coins * BigInt(Math.round(rate * 100)) * 10n ** BigInt(token?.digits ?? 18)) / 10n ** 20n
    );
  }

  /** The least that a swap of so many coins must give. */
  #expected(token: string, coins: bigint): bigint {
    return this.#reduced(this.#worth(token, coins));
  }

  /** By the slippage that the sender allows: mostly little, at times anything. */
  #reduced(amount: bigint): bigint {
    if (this.#random.isBelow(0.02)) return 0n;
    const slippage = this.#random.isBelow(0.1) ? 0.15 : 0.005 + this.#random.next() * 0.025;
    return (amount * BigInt(Math.round((1 - slippage) * 1e6))) / 1_000_000n;
  }

  #poolFee(): string {
    return POOL_FEES[this.#number(POOL_FEES.length)] ?? "000bb8";
  }

  #account(): string {
    return account(this.#profile, this.#number(ACCOUNTS));
  }

  #contract(kind: string): string {
    return account(this.#profile, this.#number(CONTRACTS), kind);
  }

  #number(below: number): number {
    return Math.floor(this.#random.next() * below);
  }
}

function account({ id }: ChainProfile, number: number, kind = "account"): string {
  return `0x${digest(`${kind}/${id}/${number}`).slice(0, 40)}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function gweiToWei(gwei: number): bigint {
  return BigInt(Math.max(1, Math.round(gwei * GWEI)));
}
