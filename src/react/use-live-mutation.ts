/**
 * Writes from components: a call with its pending and error state, and which of the page's writes
 * are pending.
 */
import { useCallback, useRef, useState, useSyncExternalStore } from "react";
import type { AnyChannels, ClientChannels } from "../client/client.ts";
import type { MutateOptions } from "../client/writes/page-writes.ts";
import type { PendingWrite } from "../client/writes/pending-writes.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import { useTidemarkClient, type ClientOption } from "./client-context.tsx";

export interface LiveMutationOptions<I, R> {
  readonly onSuccess?: (data: R, input: I) => void;
  readonly onError?: (error: Error, input: I) => void;
}

export interface LiveMutation<I, R> {
  /** Writes, and stores the outcome in `data` or `error`. Never throws. */
  readonly mutate: (input: I, options?: MutateOptions) => void;
  /** Writes, and rejects as `client.mutate` does. */
  readonly mutateAsync: (input: I, options?: MutateOptions) => Promise<R>;
  /** A write of this component is under way. */
  readonly isPending: boolean;
  /** The error of the last write that ended. */
  readonly data: R | undefined;
  readonly error: Error | undefined;
  /** The arguments of the last write, so that it can be tried again. */
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

/**
 * `useLiveMutation(client.mutate.reviews.setStatus)`, or for an endpoint of your own
 * `useLiveMutation((input) => client.write({ run: () => post(input), optimistic: … }))`.
 */
export function useLiveMutation<I, R>(
  write: (input: I, options?: MutateOptions) => Promise<R>,
  options: LiveMutationOptions<NoInfer<I>, NoInfer<R>> = {},
): LiveMutation<I, R> {
  const [state, setState] = useState<State<I, R>>(IDLE);
  const latest = useRef({ write, options });
  latest.current = { write, options };
  const mutateAsync = useCallback((input: I, own?: MutateOptions): Promise<R> => {
    setState((before) => ({
      ...before,
      pending: before.pending + 1,
      error: undefined,
      variables: input,
    }));
    const end = (result: Partial<State<I, R>>): void =>
      setState((before) => ({ ...before, pending: Math.max(0, before.pending - 1), ...result }));
    // A write that throws at once has failed, too.
    const written = new Promise<R>((resolve) => resolve(latest.current.write(input, own)));
    written.then(
      (data) => {
        end({ data });
        latest.current.options.onSuccess?.(data, input);
      },
      (error: Error) => {
        end({ error });
        latest.current.options.onError?.(error, input);
      },
    );
    return written;
  }, []);
  const mutate = useCallback(
    (input: I, own?: MutateOptions): void => void mutateAsync(input, own).catch(() => {}),
    [mutateAsync],
  );
  const reset = useCallback(() => setState((before) => ({ ...IDLE, pending: before.pending })), []);
  const { pending, data, error, variables } = state;
  return { mutate, mutateAsync, isPending: pending > 0, data, error, variables, reset };
}

/** Every write of the page that no view holds yet. */
export function usePendingWrites<
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
>({ client }: ClientOption<C, M> = {}): readonly PendingWrite[] {
  const { subscribe, getSnapshot } = useTidemarkClient(client).pendingWrites;
  return useSyncExternalStore(subscribe, getSnapshot, getSnapshot);
}
