/**
 * The details of one transaction: its input and what it does. They are fetched from the node, or
 * made again, whenever somebody asks; only where to ask is kept.
 */
import { decodeTransaction, type DecodedCall, type RawTransaction } from "tidemark/ethereum";
import { DetailIndex } from "./detail-index.ts";
import type { ChainInput } from "./source/mempool-source.ts";

export interface TransactionDetails {
  readonly hash: string;
  readonly chain: string;
  readonly coin: string;
  readonly from: string;
  readonly to: string | null;
  readonly nonce: number;
  /** In wei, as the fees are. */
  readonly value: string;
  readonly gas: number;
  readonly max_fee: string;
  readonly priority_fee: string;
  readonly input: string;
  readonly decoded: DecodedCall;
}

/** Fetched at once. Full: the route answers 503. */
const RUNNING_MAX = 64;
const INDEX = { entriesMax: 20_000, ageMsMax: 15 * 60_000 };

export class TransactionDetailsReader {
  readonly #inputs: ReadonlyMap<string, ChainInput>;
  /** The chain of each transaction. */
  readonly #index = new DetailIndex<string>(INDEX);
  /** Several who ask for the same one wait for one answer. */
  readonly #running = new Map<string, Promise<TransactionDetails | undefined>>();

  constructor(inputs: readonly ChainInput[]) {
    this.#inputs = new Map(inputs.map((input) => [input.source.name, input]));
  }

  get size(): number {
    return this.#index.size;
  }

  onArrival(hash: string, chain: string): void {
    this.#index.set(hash, chain, Date.now());
  }

  /**
   * Undefined for a transaction that is not known any more. @throws Error while the node does not
   * answer, and when too many wait for it
   */
  async read(hash: string): Promise<TransactionDetails | undefined> {
    const input = this.#inputs.get(this.#index.get(hash, Date.now()) ?? "");
    if (input === undefined) return undefined;
    const known = this.#running.get(hash);
    if (known === undefined && this.#running.size >= RUNNING_MAX)
      throw new Error("too many details are being fetched");
    const running = known ?? this.#fetch(hash, input);
    this.#running.set(hash, running);
    try {
      return await running;
    } finally {
      this.#running.delete(hash);
    }
  }

  async #fetch(
    hash: string,
    { source, coin }: ChainInput,
  ): Promise<TransactionDetails | undefined> {
    const raw = await source.transaction(hash);
    return raw && detailsOf(raw, source.name, coin);
  }
}

function detailsOf(raw: RawTransaction, chain: string, coin: string): TransactionDetails {
  const { hash, from, to, nonce, value, gas, maxFee, priorityFee, input } = raw;
  return {
    hash,
    chain,
    coin,
    from,
    to,
    nonce,
    value: String(value),
    gas,
    max_fee: String(maxFee),
    priority_fee: String(priorityFee),
    input,
    decoded: decodeTransaction({ to, value, input }),
  };
}
