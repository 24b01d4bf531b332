/**
 * The page's client for every hook below a provider. A hook's `client` option overrides it.
 */
import { createContext, useContext, type ReactElement, type ReactNode } from "react";
import { TidemarkError } from "../std/errors.ts";
import type { AnyChannels, ClientChannels, TidemarkClient } from "../client/client.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";

export interface ClientOption<C extends ClientChannels, M extends MutationTree> {
  /** Default: the client of the nearest `<TidemarkProvider>`. */
  readonly client?: TidemarkClient<C, M> | undefined;
}

export interface TidemarkProviderProps<C extends ClientChannels, M extends MutationTree> {
  readonly client: TidemarkClient<C, M>;
  readonly children?: ReactNode;
}

const ClientContext = createContext<TidemarkClient | undefined>(undefined);

/** Gives its client to the hooks below it. It neither connects nor closes the client. */
export function TidemarkProvider<C extends ClientChannels, M extends MutationTree>({
  client,
  children,
}: TidemarkProviderProps<C, M>): ReactElement {
  return (
    <ClientContext.Provider value={client as unknown as TidemarkClient}>
      {children}
    </ClientContext.Provider>
  );
}

/** @throws TidemarkError `BAD_OPTION` where there is no provider above and no client is passed */
export function useTidemarkClient<
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
>(client?: TidemarkClient<C, M>): TidemarkClient<C, M> {
  const provided = useContext(ClientContext);
  const own = client ?? (provided as unknown as TidemarkClient<C, M> | undefined);
  if (own !== undefined) return own;
  throw new TidemarkError(
    "BAD_OPTION",
    "There is no Tidemark client here. Put <TidemarkProvider client={client}> above this component, or pass the option `client`.",
  );
}
