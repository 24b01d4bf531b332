/** The page: its header, the chains, the list with its details, the figures, and the status strip. */
import { useCallback, useRef, useState, type ReactElement, type ReactNode } from "react";
import type { FilterTexts } from "../../ui/filter-bar.tsx";
import { KeyList } from "../../ui/key-list.tsx";
import { StatusStrip } from "../../ui/status-strip.tsx";
import { ThemeButton } from "../../ui/theme-button.tsx";
import { useAddressState } from "../../ui/use-address-state.ts";
import type { TransactionSummary } from "../channels.ts";
import { ChainStrip } from "./chain-strip.tsx";
import { live } from "./client.ts";
import { Detail } from "./detail.tsx";
import { Features } from "./features.tsx";
import { Gas } from "./gas.tsx";
import { TidemarkProvider, useConnection } from "./hooks.ts";
import { Opportunities } from "./opportunities.tsx";
import { PageCost } from "./page-cost.tsx";
import { addressOf, parsePage } from "./page-state.ts";
import { Transactions } from "./transactions.tsx";
import { KEYS, usePageKeys } from "./use-page-keys.ts";

const IN_ADDRESS = { parse: parsePage, addressOf };

export function App(): ReactElement {
  const [{ filters, selected, chain }, update] = useAddressState(IN_ADDRESS);
  const [hasKeys, setHasKeys] = useState(false);
  const selectedAtMs = useRef(0);
  const [pressed, setPressed] = useState<TransactionSummary>();
  const select = useCallback(
    (hash: string | undefined, row?: TransactionSummary) => {
      selectedAtMs.current = performance.now();
      setPressed(row);
      update((before) => ({ ...before, selected: hash }));
    },
    [update],
  );
  const filter = useCallback(
    (next: FilterTexts) => update((before) => ({ ...before, filters: next })),
    [update],
  );
  const close = useCallback(() => select(undefined), [select]);
  const help = useCallback(() => setHasKeys((before) => !before), []);
  usePageKeys({ onHelp: help, onClose: close });
  return (
    <TidemarkProvider client={live}>
      <div className="app mempool">
        <header className="title">
          <span className="brand">
            <span className="mark" aria-hidden="true" />
            Mempool
          </span>
          <ChainStrip />
          <ThemeButton />
        </header>
        <main className="content" data-detail={selected !== undefined}>
          <Transactions filters={filters} selected={selected} onFilter={filter} onSelect={select} />
          <div className="figures">
            <Opportunities selected={selected} onSelect={select} />
            <Features filters={filters} onFilter={filter} />
            <Gas
              chain={chain}
              onChain={(name) => update((before) => ({ ...before, chain: name }))}
            />
          </div>
          {selected !== undefined && (
            <Detail
              key={selected}
              hash={selected}
              pressed={pressed?.hash === selected ? pressed : undefined}
              selectedAtMs={selectedAtMs}
              onClose={close}
            />
          )}
        </main>
        <Strip>
          <PageCost />
          <button type="button" className="plain keys-hint" aria-expanded={hasKeys} onClick={help}>
            Keyboard shortcuts <kbd>?</kbd>
          </button>
        </Strip>
        {hasKeys && <KeyList keys={KEYS} />}
      </div>
    </TidemarkProvider>
  );
}

function Strip({ children }: { readonly children: ReactNode }): ReactElement {
  return (
    <StatusStrip connection={useConnection()} onRetry={() => live.connect()}>
      <>{children}</>
    </StatusStrip>
  );
}
