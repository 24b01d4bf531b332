/** The details of a transaction, which the application's own route has. Nothing of it is kept. */
import { useLayoutEffect, useState } from "react";
import type { TransactionDetails } from "../transaction-details.ts";

export type DetailsState =
  | { readonly kind: "loading" }
  | { readonly kind: "ready"; readonly details: TransactionDetails }
  | { readonly kind: "failed"; readonly message: string };

const LOADING: DetailsState = { kind: "loading" };

export function useDetails(hash: string): {
  readonly state: DetailsState;
  readonly retry: () => void;
} {
  const [answer, setAnswer] = useState<{ readonly of: string; readonly state: DetailsState }>();
  const state = answer?.of === hash ? answer.state : undefined;
  const isMissing = state === undefined;
  // Asks before the frame is painted, not after it.
  useLayoutEffect(() => {
    if (!isMissing) return undefined;
    const abort = new AbortController();
    void read(hash, abort.signal).then((next) => {
      if (!abort.signal.aborted) setAnswer({ of: hash, state: next });
    });
    return () => abort.abort();
  }, [hash, isMissing]);
  return { state: state ?? LOADING, retry: () => setAnswer(undefined) };
}

async function read(hash: string, signal: AbortSignal): Promise<DetailsState> {
  try {
    const response = await fetch(`/transactions/${hash}`, { signal });
    const body = (await response.json()) as TransactionDetails & { readonly error?: string };
    return response.ok
      ? { kind: "ready", details: body }
      : { kind: "failed", message: body.error ?? `The server answered ${response.status}.` };
  } catch {
    return { kind: "failed", message: "The server can't be reached." };
  }
}
