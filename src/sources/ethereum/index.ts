/** The entry point `tidemark/ethereum`: transactions of Ethereum's chains as live tables. */
export type { CallInput, EthereumAction, EthereumCategory } from "./actions.ts";
export { decodeTransaction, type DecodedCall } from "./decode.ts";
export {
  transactionRow,
  type EthereumChain,
  type EthereumTransaction,
  type RawTransaction,
  type TransactionStatus,
} from "./rows.ts";
