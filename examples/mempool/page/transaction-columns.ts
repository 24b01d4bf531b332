/** The columns of the transaction list. */
import { formatAge } from "../../ui/format.ts";
import type { RowColumn } from "../../ui/live-rows.tsx";
import type { TransactionSummary } from "../channels.ts";
import { decimals, gwei, shortHash, words } from "./text.ts";

const SIGNS: Readonly<Record<TransactionSummary["status"], string>> = {
  pending: "◌ pending",
  included: "◐ included",
  confirmed: "● confirmed",
  replaced: "⇄ replaced",
  dropped: "✕ dropped",
};
const TONES: Readonly<Partial<Record<TransactionSummary["status"], "up" | "down" | "dim">>> = {
  confirmed: "up",
  replaced: "down",
  dropped: "down",
  pending: "dim",
};

export const COLUMNS: readonly RowColumn<TransactionSummary>[] = [
  {
    name: "hash",
    title: "transaction",
    share: 1,
    minPx: 88,
    text: ({ hash }) => shortHash(hash),
    hover: ({ hash }) => hash,
  },
  { name: "chain", title: "chain", share: 0.7, minPx: 60, text: ({ chain }) => chain },
  {
    name: "protocol",
    title: "protocol",
    share: 1.1,
    minPx: 84,
    text: ({ protocol }) => words(protocol),
  },
  {
    name: "method",
    title: "method",
    share: 1.2,
    minPx: 78,
    text: ({ method, category }) => method ?? category,
    hover: ({ method, category }) => `${category}${method === null ? "" : `: ${method}`}`,
  },
  {
    name: "value",
    title: "value",
    share: 1,
    minPx: 74,
    isNumber: true,
    text: ({ value }) => decimals(value, 4),
    tone: ({ value }) => (Number(value) === 0 ? "dim" : ""),
    hover: ({ value }) => value,
  },
  {
    name: "max_fee",
    title: "max fee gwei",
    share: 0.9,
    minPx: 78,
    isNumber: true,
    text: ({ max_fee }) => gwei(max_fee),
    hover: ({ max_fee, tip }) => `at most ${max_fee} gwei, of which the tip is ${tip}`,
  },
  {
    name: "status",
    title: "status",
    share: 1,
    minPx: 84,
    text: ({ status }) => SIGNS[status],
    tone: ({ status }) => TONES[status] ?? "",
    flashes: true,
    hover: ({ status, block }) => (block === null ? status : `${status} in block ${block}`),
  },
];

/** The columns with the age of each transaction, which grows. */
export function columnsAt(nowMs: number): readonly RowColumn<TransactionSummary>[] {
  return [
    ...COLUMNS,
    {
      name: "seen_unix_ms",
      title: "seen",
      share: 0.6,
      minPx: 62,
      isNumber: true,
      text: ({ seen_unix_ms }) => formatAge(nowMs - seen_unix_ms),
      tone: () => "dim",
      hover: ({ seen_unix_ms }) => new Date(seen_unix_ms).toLocaleString(),
    },
  ];
}
