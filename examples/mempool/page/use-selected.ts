/**
 * The summary of the selected transaction: at first the one that was pressed. It follows the
 * transaction while the server has it, and stays when the transaction leaves the newest ones.
 */
import { useEffect, useMemo } from "react";
import type { QueryOf } from "tidemark/client";
import type { Channels, TransactionSummary } from "../channels.ts";
import { live } from "./client.ts";
import { useLiveQuery } from "./hooks.ts";

export interface Selected {
  readonly query: QueryOf<Channels, "tx.main">;
  /** Undefined when this page has not seen it. */
  readonly row: TransactionSummary | undefined;
  /** Whether it is among the newest transactions. */
  readonly isInList: boolean;
  readonly isLoading: boolean;
}

export function useSelected(hash: string, pressed: TransactionSummary | undefined): Selected {
  const query = useMemo<QueryOf<Channels, "tx.main">>(
    () => ({ channel: "tx.main", where: { column: "hash", eq: hash } }),
    [hash],
  );
  const view = useLiveQuery(query);
  const handle = useMemo(() => live.live(query), [query]);
  useEffect(() => handle.pin(hash), [handle, hash]);
  const row = view.row(hash);
  return {
    query,
    row: row ?? handle.pinned(hash)?.row ?? pressed,
    isInList: row !== undefined,
    isLoading: view.status === "loading",
  };
}
