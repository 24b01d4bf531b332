/** The filter texts of the transaction list as a `where`. */
import type { Where } from "tidemark/client";
import type { FilterTexts } from "../../ui/filter-bar.tsx";
import { whereOf } from "../../ui/filter-text.ts";
import type { TransactionSummary } from "../channels.ts";
import { COLUMNS } from "../columns.ts";

/** The names of the fields. `fee` and `address` are words of the reader. */
export const FILTERS = [
  "chain",
  "protocol",
  "category",
  "method",
  "value",
  "fee",
  "address",
  "hash",
  "status",
] as const;

export interface TransactionFilter {
  readonly where: Where<TransactionSummary> | undefined;
  /** What is wrong with filters that are not applied, by field. */
  readonly errors: FilterTexts;
}

const TYPES = Object.entries(COLUMNS["tx.main"]).map(([name, type]) => ({ name, type }));

export function transactionFilter({
  fee = "",
  address = "",
  ...texts
}: FilterTexts): TransactionFilter {
  const own = whereOf(TYPES, { ...texts, max_fee: fee });
  const terms = [own.where, addressTerm(address)].filter((term) => term !== undefined);
  const { max_fee: feeError, ...errors } = own.errors;
  return {
    // It names the channel's columns only.
    where: (terms.length > 1 ? { and: terms } : terms[0]) as TransactionFilter["where"],
    errors: feeError === undefined ? errors : { ...errors, fee: feeError },
  };
}

/** The sender or the receiver is meant; `!=` excludes both. */
function addressTerm(address: string): Where | undefined {
  const sides = ["from", "to"].flatMap(
    (column) => whereOf(TYPES, { [column]: address }).where ?? [],
  );
  if (sides.length === 0) return undefined;
  if (!/^\s*!=/.test(address)) return { or: sides };
  // A deployment has no receiver.
  return {
    not: {
      or: ["from", "to"].flatMap(
        (column) => whereOf(TYPES, { [column]: address.replace("!", "") }).where ?? [],
      ),
    },
  };
}
