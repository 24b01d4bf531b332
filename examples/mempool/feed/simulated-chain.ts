/**
 * One chain of the built-in feed: transactions arrive, some replace others, a builder puts the best
 * paying ones into blocks, the base fee follows demand as EIP-1559 says, and now and then the last
 * block is taken back. The same steps give the same events, but for the times.
 */
import { transactionRow, type EthereumTransaction } from "tidemark/ethereum";
import { SeededRandom } from "../../trading/feed/random.ts";
import type { ChainProfile } from "./chain-profile.ts";
import { makeTransaction, type TransactionId } from "./transactions.ts";

/** A transaction has arrived, or its status has changed. */
export interface SimulatedEvent {
  readonly row: EthereumTransaction;
  readonly id: TransactionId;
}

export interface SimulatedHead {
  readonly number: number;
  readonly hash: string;
  readonly timeMs: number;
  readonly gasUsed: number;
  readonly gasLimit: number;
  /** Of the next block, in wei. */
  readonly baseFee: bigint;
  readonly reorgs: number;
  readonly reorgDepth: number;
  readonly price: number;
}

/** Where a chain goes on after a restart. */
export interface ChainPosition {
  readonly index: number;
  readonly head: number;
  readonly baseFee: string;
}

/** Without its input, which can be made again. */
interface Pending {
  readonly row: EthereumTransaction;
  readonly id: TransactionId;
  readonly maxFee: bigint;
  readonly priorityFee: bigint;
}

interface Block {
  readonly number: number;
  readonly transactions: readonly Pending[];
}

const PENDING_MAX = 20_000;
/** Mean gas of a transaction of the feed; measured. */
const MEAN_GAS = 95_000;
/** The share of the demand that a block has room for at the target. */
const ROOM = 0.9;
const BURST = { perSecond: 1 / 30, factor: 5, endsPerSecond: 0.4 };
const REPLACED = 0.03;
const REORGS = 0.02;
/** Who waits longer has given up. */
const PATIENCE_MS = 300_000;
const BASE_FEE_STEPS = 8n;
const GWEI = 1e9;

export class SimulatedChain {
  readonly profile: ChainProfile;
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #gasTarget: number;
  /** By hash, in the order of their arrival. */
  readonly #pending = new Map<string, Pending>();
  #blocks: readonly Block[] = [];
  #index: number;
  #head: number;
  #baseFee: bigint;
  #price: number;
  #sinceBlockMs = 0;
  #isBurst = false;
  #gasUsed = 0;
  #headMs = 0;
  #reorgs = 0;
  #reorgDepth = 0;
  #variant = 0;

  constructor(
    profile: ChainProfile,
    options: {
      readonly seed: number;
      /** Of this chain. */
      readonly perSecond: number;
      readonly position?: ChainPosition | undefined;
    },
  ) {
    const { seed, perSecond, position } = options;
    this.profile = profile;
    this.#seed = seed;
    this.#index = position?.index ?? 0;
    this.#head = position?.head ?? profile.head;
    this.#baseFee = BigInt(position?.baseFee ?? Math.round(profile.feeGwei * 0.6 * GWEI));
    this.#price = profile.price;
    this.#random = new SeededRandom(seed * 7_919 + profile.id + this.#index);
    this.#gasTarget = Math.ceil(perSecond * (profile.blockMs / 1_000) * MEAN_GAS * ROOM);
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  get position(): ChainPosition {
    return { index: this.#index, head: this.#head, baseFee: String(this.#baseFee) };
  }

  get head(): SimulatedHead {
    return {
      number: this.#head,
      hash: `0x${(this.#head * 64 + this.#variant).toString(16).padStart(64, "0")}`,
      timeMs: this.#headMs,
      gasUsed: this.#gasUsed,
      gasLimit: 2 * this.#gasTarget,
      baseFee: this.#baseFee,
      reorgs: this.#reorgs,
      reorgDepth: this.#reorgDepth,
      price: Number(this.#price.toFixed(2)),
    };
  }

  /** Goes on by so much time, with so many transactions expected in it. */
  step(timeMs: number, stepMs: number, expected: number): readonly SimulatedEvent[] {
    const random = this.#random;
    const seconds = stepMs / 1_000;
    this.#isBurst = this.#isBurst
      ? !random.isBelow(BURST.endsPerSecond * seconds)
      : random.isBelow(BURST.perSecond * seconds);
    this.#price *= 1 + 0.000_06 * Math.sqrt(seconds) * random.normal();
    const events: SimulatedEvent[] = [];
    const count = random.poisson(expected * (this.#isBurst ? BURST.factor : 1));
    for (let made = 0; made < count; made++) events.push(...this.#arrive(timeMs));
    this.#sinceBlockMs += stepMs;
    if (this.#sinceBlockMs >= this.profile.blockMs) {
      this.#sinceBlockMs -= this.profile.blockMs;
      if (random.isBelow(REORGS)) events.push(...this.#takeBack());
      events.push(...this.#makeBlock(timeMs));
      events.push(...this.#giveUp(timeMs));
    }
    return events;
  }

  #arrive(seenMs: number): readonly SimulatedEvent[] {
    const replaced = this.#random.isBelow(REPLACED) ? this.#anyPending() : undefined;
    const id: TransactionId =
      replaced === undefined
        ? { seed: this.#seed, index: this.#index++, bump: 0 }
        : { ...replaced.id, bump: 1 };
    const raw = makeTransaction(this.profile, id);
    const row = transactionRow(raw, { chain: this.profile.name, seenMs });
    const { hash } = row;
    const { maxFee, priorityFee } = raw;
    this.#pending.set(hash, { row, id, maxFee, priorityFee });
    const events: SimulatedEvent[] = [{ row, id }];
    if (replaced !== undefined) {
      this.#pending.delete(replaced.row.hash);
      events.push(changed(replaced, { status: "replaced", replaced_by: hash }));
    }
    const [oldest] = this.#pending.values();
    if (this.#pending.size > PENDING_MAX && oldest !== undefined) events.push(this.#drop(oldest));
    return events;
  }

  /** One that arrived lately and replaces no other. */
  #anyPending(): Pending | undefined {
    const index = this.#index - 1 - Math.floor(this.#random.next() * 50);
    if (index < 0) return undefined;
    const id: TransactionId = { seed: this.#seed, index, bump: 0 };
    return this.#pending.get(makeTransaction(this.profile, id).hash);
  }

  #drop(pending: Pending): SimulatedEvent {
    this.#pending.delete(pending.row.hash);
    return changed(pending, { status: "dropped" });
  }

  #giveUp(timeMs: number): readonly SimulatedEvent[] {
    const events: SimulatedEvent[] = [];
    for (const pending of this.#pending.values()) {
      if (timeMs - pending.row.seen_unix_ms < PATIENCE_MS) break;
      events.push(this.#drop(pending));
    }
    return events;
  }

  #makeBlock(timeMs: number): readonly SimulatedEvent[] {
    const baseFee = this.#baseFee;
    const tipOf = ({ maxFee, priorityFee }: Pending): bigint => {
      const room = maxFee - baseFee;
      return room < priorityFee ? room : priorityFee;
    };
    const candidates = Array.from(this.#pending.values(), (pending) => ({
      pending,
      tip: Number(tipOf(pending)),
    }))
      .filter(({ tip }) => tip >= 0)
      .sort((left, right) => right.tip - left.tip);
    const transactions: Pending[] = [];
    this.#gasUsed = 0;
    for (const { pending } of candidates) {
      const { gas, hash } = pending.row;
      if (this.#gasUsed + gas > 2 * this.#gasTarget) continue;
      this.#gasUsed += gas;
      transactions.push(pending);
      this.#pending.delete(hash);
    }
    const number = ++this.#head;
    this.#headMs = timeMs;
    this.#follow(this.#gasUsed);
    const blocks = [...this.#blocks, { number, transactions }];
    const final = blocks.filter((block) => block.number <= number - this.profile.confirmations);
    this.#blocks = blocks.filter((block) => !final.includes(block));
    return [
      ...transactions.map((each) => changed(each, { status: "included", block: number })),
      ...final.flatMap((block) =>
        block.transactions.map((each) =>
          changed(each, { status: "confirmed", block: block.number }),
        ),
      ),
    ];
  }

  /** The base fee of the next block, as EIP-1559 says. */
  #follow(gasUsed: number): void {
    const target = BigInt(this.#gasTarget);
    const change = (this.#baseFee * (BigInt(gasUsed) - target)) / target / BASE_FEE_STEPS;
    this.#baseFee += change;
    if (this.#baseFee < 1_000n) this.#baseFee = 1_000n;
  }

  /** The last block is not part of the chain any more, and its transactions wait again. */
  #takeBack(): readonly SimulatedEvent[] {
    const last = this.#blocks.at(-1);
    if (last === undefined) return [];
    this.#blocks = this.#blocks.slice(0, -1);
    this.#head--;
    this.#reorgs++;
    this.#reorgDepth = 1;
    this.#variant = (this.#variant + 1) % 64;
    for (const pending of last.transactions) this.#pending.set(pending.row.hash, pending);
    return last.transactions.map((each) => changed(each, {}));
  }
}

function changed({ row, id }: Pending, change: Partial<EthereumTransaction>): SimulatedEvent {
  return { row: { ...row, ...change }, id };
}
