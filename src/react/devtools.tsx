/** The button that opens the devtools. The panel's code loads when it is first opened. */
import { lazy, Suspense, useState, type CSSProperties, type ReactElement } from "react";
import type { AnyChannels, ClientChannels, TidemarkClient } from "../client/client.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import { useTidemarkClient, type ClientOption } from "./client-context.tsx";
import { usePendingWrites } from "./use-live-mutation.ts";

const Panel = lazy(() => import("./devtools-panel.tsx"));

const BUTTON: CSSProperties = {
  position: "fixed",
  insetBlockEnd: 40,
  insetInlineEnd: 12,
  zIndex: 9_998,
  height: 28,
  padding: "0 10px",
  borderRadius: 14,
  border: "1px solid #5b6b7a",
  background: "#10202c",
  color: "#e6eef4",
  font: "600 12px/26px system-ui, sans-serif",
  cursor: "pointer",
};

export interface TidemarkDevtoolsProps<
  C extends ClientChannels,
  M extends MutationTree,
> extends ClientOption<C, M> {
  /** Default closed. */
  readonly initialIsOpen?: boolean;
}

/** `<TidemarkDevtools />`, anywhere below the provider. */
export function TidemarkDevtools<
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
>({ client: own, initialIsOpen = false }: TidemarkDevtoolsProps<C, M>): ReactElement {
  const client = useTidemarkClient(own);
  const [isOpen, setOpen] = useState(initialIsOpen);
  const pending = usePendingWrites({ client }).length;
  if (!isOpen) {
    return (
      <button
        type="button"
        style={BUTTON}
        onClick={() => setOpen(true)}
        aria-label="Open Tidemark devtools"
      >
        Tidemark{pending > 0 && ` · ${pending} pending`}
      </button>
    );
  }
  return (
    <Suspense fallback={null}>
      <Panel client={client as unknown as TidemarkClient} onClose={() => setOpen(false)} />
    </Suspense>
  );
}
