/** The options of `ethereum()`, checked once. */
import { TidemarkError } from "../../std/errors.ts";
import { declareChannel, type ChannelDeclaration } from "../../log/channel.ts";
import type { ChannelBounds, ChannelHistory } from "../../log/limits.ts";
import { ethereumLimits, type EthereumLimits } from "./limits.ts";
import { CHAIN_COLUMNS, TRANSACTION_COLUMNS } from "./rows.ts";

/** One of the channels of the source. */
export interface EthereumChannel {
  /** Default: `transactions`, `chains`. */
  readonly name?: string;
  /** Default of `transactions`: 100,000 rows. */
  readonly bounds?: Partial<ChannelBounds>;
  /** Keeps the rows in the history store. */
  readonly history?: Partial<ChannelHistory>;
}

export interface EthereumOptions {
  /** The address of a node's JSON-RPC over WebSocket, such as `ws://localhost:8546`. */
  readonly url: string;
  /** What the chain is called in the rows. Default `ethereum`. */
  readonly chain?: string;
  /** Unique in its server. Default: the chain's name. */
  readonly name?: string;
  readonly channels?: {
    readonly transactions?: EthereumChannel;
    readonly chains?: EthereumChannel;
  };
  /** The blocks that the tables begin with, the newest ones. Default 4. */
  readonly pastBlocks?: number;
  /** Blocks above one after which its transactions count as confirmed. Default 12. */
  readonly confirmations?: number;
  /**
   * The contract that tells the coin's price: a Chainlink feed in US dollars with 8 digits.
   * Default: that of the chain, where it is known; null reads none.
   */
  readonly priceFeed?: string | null;
  readonly limits?: Partial<EthereumLimits>;
}

export interface CheckedOptions {
  readonly url: string;
  readonly chain: string;
  readonly name: string;
  readonly transactions: ChannelDeclaration;
  readonly chains: ChannelDeclaration;
  readonly pastBlocks: number;
  readonly confirmations: number;
  readonly priceFeed: string | null | undefined;
  readonly limits: EthereumLimits;
}

/** @throws TidemarkError `BAD_OPTION` */
export function checkOptions(options: EthereumOptions): CheckedOptions {
  const { url, chain = "ethereum", channels = {}, pastBlocks = 4, confirmations = 12 } = options;
  const { priceFeed } = options;
  const limits = ethereumLimits(options.limits);
  if (!URL.canParse(url) || !["ws:", "wss:"].includes(new URL(url).protocol))
    throw bad("`url` must be an address that begins with ws:// or wss://");
  if (chain.length === 0 || chain.length > 40)
    throw bad("`chain` must be a name of 1 to 40 characters");
  if (typeof priceFeed === "string" && !/^0x[0-9a-fA-F]{40}$/.test(priceFeed))
    throw bad("`priceFeed` must be the address of a contract");
  for (const [name, count] of Object.entries({ pastBlocks, confirmations }))
    if (!Number.isInteger(count) || count < 1 || count > limits.blocksMax)
      throw bad(`\`${name}\` must be a whole number from 1 to ${limits.blocksMax} (blocksMax)`);
  const { transactions, chains } = channels;
  return {
    url,
    chain,
    name: options.name ?? chain,
    transactions: declareChannel({
      name: transactions?.name ?? "transactions",
      key: ["hash"],
      columns: TRANSACTION_COLUMNS,
      ...(transactions?.bounds && { bounds: transactions.bounds }),
      history: transactions?.history,
    }),
    chains: declareChannel({
      name: chains?.name ?? "chains",
      key: ["chain"],
      columns: CHAIN_COLUMNS,
      ...(chains?.bounds && { bounds: chains.bounds }),
      history: chains?.history,
    }),
    pastBlocks,
    confirmations,
    priceFeed: priceFeed?.toLowerCase() ?? priceFeed,
    limits,
  };
}

function bad(what: string): TidemarkError {
  return new TidemarkError("BAD_OPTION", `ethereum(): ${what}.`);
}
