/** What nodes answer, checked once: quantities and data come as texts of hexadecimal digits. */
import type { RawTransaction } from "./rows.ts";

export interface Header {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly timeMs: number;
  readonly gasUsed: number;
  readonly gasLimit: number;
  /** In wei; null before EIP-1559. */
  readonly baseFee: bigint | null;
}

export interface Block extends Header {
  readonly transactions: readonly RawTransaction[];
}

type Fields = Readonly<Record<string, unknown>>;

/** @throws Error for what is no header of a block */
export function headerOf(value: unknown): Header {
  const fields = fieldsOf(value, "a block");
  return {
    number: numberIn(fields, "number"),
    hash: dataIn(fields, "hash"),
    parentHash: dataIn(fields, "parentHash"),
    timeMs: numberIn(fields, "timestamp") * 1_000,
    gasUsed: numberIn(fields, "gasUsed"),
    gasLimit: numberIn(fields, "gasLimit"),
    baseFee: fields["baseFeePerGas"] == null ? null : bigintIn(fields, "baseFeePerGas"),
  };
}

/** @throws Error for what is no block with whole transactions */
export function blockOf(value: unknown): Block {
  return { ...headerOf(value), transactions: transactionsOf(value) };
}

/** Those of a block, which need not have a hash. @throws Error */
export function transactionsOf(value: unknown): readonly RawTransaction[] {
  const { transactions } = fieldsOf(value, "a block");
  if (!Array.isArray(transactions)) throw new Error("the node answered a block without a list");
  return transactions.map(transactionOf);
}

/** @throws Error for what is no transaction */
export function transactionOf(value: unknown): RawTransaction {
  const fields = fieldsOf(value, "a transaction");
  // A transaction of a block without EIP-1559 has a price alone; some chains' own kinds have none.
  const price = fields["gasPrice"] == null ? 0n : bigintIn(fields, "gasPrice");
  const hasFees = fields["maxFeePerGas"] != null && fields["maxPriorityFeePerGas"] != null;
  return {
    hash: dataIn(fields, "hash"),
    from: dataIn(fields, "from"),
    to: fields["to"] == null ? null : dataIn(fields, "to"),
    nonce: numberIn(fields, "nonce"),
    value: bigintIn(fields, "value"),
    gas: numberIn(fields, "gas"),
    maxFee: hasFees ? bigintIn(fields, "maxFeePerGas") : price,
    priorityFee: hasFees ? bigintIn(fields, "maxPriorityFeePerGas") : price,
    input: dataIn(fields, "input"),
  };
}

function fieldsOf(value: unknown, what: string): Fields {
  if (typeof value !== "object" || value === null)
    throw new Error(`the node answered what is not ${what}`);
  return value as Fields;
}

function numberIn(fields: Fields, name: string): number {
  const number = Number(bigintIn(fields, name));
  if (!Number.isSafeInteger(number)) throw new Error(`the node answered a wrong ${name}`);
  return number;
}

function bigintIn(fields: Fields, name: string): bigint {
  const text = fields[name];
  if (typeof text !== "string" || !/^0x[0-9a-fA-F]{1,64}$/.test(text))
    throw new Error(`the node answered a wrong ${name}`);
  return BigInt(text);
}

function dataIn(fields: Fields, name: string): string {
  const text = fields[name];
  if (typeof text !== "string" || !/^0x(?:[0-9a-fA-F]{2})*$/.test(text))
    throw new Error(`the node answered a wrong ${name}`);
  return text.toLowerCase();
}
