/** Writes from components: a call with its pending and error state, and what of the page's writes is pending. */
import { useCallback, useRef, useState, useSyncExternalStore } from "react";
import type { ClientChannels, TidemarkClient } from "../client/client.ts";
import type { MutateFunction, MutateOptions } from "../client/writes/page-writes.ts";
import type { PendingWrite } from "../client/writes/pending-writes.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";

export interface LiveMutation<I, R> {
  /** Writes, and reports what becomes of it here. Never rejects. */
  readonly mutate: (input: I, options?: MutateOptions) => void;
  /** Writes, and rejects as `client.mutate` does. */
  readonly mutateAsync: (input: I, options?: MutateOptions) => Promise<R>;
  /** A write of this component is under way. */
  readonly isPending: boolean;
  /** Of the last write that ended. */
  readonly data: R | undefined;
  readonly error: Error | undefined;
  /** What the last write was called with, so that it can be tried again. */
  readonly variables: I | undefined;
  readonly reset: () => void;
}

interface State<I, R> {
  readonly pending: number;
  readonly data: R | undefined;
  readonly error: Error | undefined;
  readonly variables: I | undefined;
}

const IDLE = { pending: 0, data: undefined, error: undefined, variables: undefined };

/** `useLiveMutation(client.mutate.reviews.setStatus)`. Its patch is shown and taken away by order, see `client.mutate`. */
export function useLiveMutation<I, R>(write: MutateFunction<I, R>): LiveMutation<I, R> {
  const [state, setState] = useState<State<I, R>>(IDLE);
  const latest = useRef(write);
  latest.current = write;
  const mutateAsync = useCallback((input: I, options?: MutateOptions): Promise<R> => {
    setState((before) => ({
      ...before,
      pending: before.pending + 1,
      error: undefined,
      variables: input,
    }));
    const end = (result: Partial<State<I, R>>): void =>
      setState((before) => ({ ...before, pending: Math.max(0, before.pending - 1), ...result }));
    const written = latest.current(input, options);
    written.then(
      (data) => end({ data }),
      (error: Error) => end({ error }),
    );
    return written;
  }, []);
  const mutate = useCallback(
    (input: I, options?: MutateOptions): void => void mutateAsync(input, options).catch(() => {}),
    [mutateAsync],
  );
  const reset = useCallback(() => setState((before) => ({ ...IDLE, pending: before.pending })), []);
  const { pending, data, error, variables } = state;
  return { mutate, mutateAsync, isPending: pending > 0, data, error, variables, reset };
}

/** Every write of the page that has not come through. */
export function usePendingWrites<C extends ClientChannels, M extends MutationTree>(
  client: TidemarkClient<C, M>,
): readonly PendingWrite[] {
  const { subscribe, getSnapshot } = client.pendingWrites;
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}
