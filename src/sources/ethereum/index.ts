/** The entry point `tidemark/ethereum`: transactions of Ethereum's chains as live tables. */
import { openWebSocket } from "../socket/message-socket.ts";
import { checkOptions, type EthereumOptions } from "./options.ts";
import { ChainSource, type EthereumSource } from "./source.ts";

export type { CallInput, EthereumAction, EthereumCategory } from "./actions.ts";
export { decodeTransaction, type DecodedCall } from "./decode.ts";
export type { EthereumLimits } from "./limits.ts";
export type { EthereumChannel, EthereumOptions } from "./options.ts";
export {
  transactionRow,
  type EthereumChain,
  type EthereumTransaction,
  type RawTransaction,
  type TransactionStatus,
} from "./rows.ts";
export type { EthereumSource } from "./source.ts";

/**
 * A chain as a source, over any node's JSON-RPC WebSocket: `ethereum({ url })`. Its channels are
 * `transactions`, pending ones and those of the last blocks, and `chains`, one row.
 * @throws TidemarkError `BAD_OPTION`
 */
export function ethereum(options: EthereumOptions): EthereumSource {
  return new ChainSource(checkOptions(options), openWebSocket);
}
