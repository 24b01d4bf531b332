/** The page: its header with the market and its price, the heatmap, and the status strip. */
import { useCallback, useRef, useState, type ReactElement, type RefObject } from "react";
import { Badge, type BadgeStatus } from "../../ui/badge.tsx";
import { groupDigits } from "../../ui/format.ts";
import { KeyList } from "../../ui/key-list.tsx";
import { pastLabel } from "../../ui/moment-text.ts";
import type { Past } from "../../ui/past.ts";
import { beginRewind, RewindBar, useHistoryStart } from "../../ui/rewind-bar.tsx";
import { StatusStrip } from "../../ui/status-strip.tsx";
import { ThemeButton } from "../../ui/theme-button.tsx";
import { useAddressState, type Update } from "../../ui/use-address-state.ts";
import { useNow } from "../../ui/use-now.ts";
import { useRewind, type Rewind } from "../../ui/use-rewind.ts";
import type { Channels } from "../channels.ts";
import type { Viewport } from "./chart/viewport.ts";
import type { Live } from "./client.ts";
import { Heatmap } from "./heatmap.tsx";
import { TidemarkProvider, useConnection, useLiveQuery, useTidemarkClient } from "./hooks.ts";
import { KEYS, usePageKeys } from "./keys.ts";
import { addressOf, parsePage, type PageState } from "./page-state.ts";

const IN_ADDRESS = { parse: parsePage, addressOf };
const USUAL = "BTCUSDT";

export function App({ live, pollMs }: Live): ReactElement {
  const [page, update] = useAddressState(IN_ADDRESS);
  const setPast = useCallback(
    (past: Past | undefined) => update((before) => ({ ...before, past })),
    [update],
  );
  const rewind = useRewind<Channels>(page.past, setPast);
  return (
    <TidemarkProvider client={rewind.client ?? live}>
      <Page {...{ live, pollMs, page, update, rewind, setPast }} />
    </TidemarkProvider>
  );
}

interface PageProps extends Live {
  readonly page: PageState;
  readonly update: Update<PageState>;
  readonly rewind: Rewind<Channels>;
  readonly setPast: (past: Past | undefined) => void;
}

function Page({ live, pollMs, page, update, rewind, setPast }: PageProps): ReactElement {
  const [hasKeys, setHasKeys] = useState(false);
  const markets = useRef<HTMLSelectElement>(null);
  const { past, viewport } = page;
  const isRewound = past !== undefined;
  const { rows: symbols, status: known } = useLiveQuery(
    { channel: "symbols", limit: 200 },
    { client: live },
  );
  const symbol = page.symbol ?? usualOf(symbols);
  const isUnknown =
    known === "live" && symbol !== undefined && !symbols.some((each) => each.symbol === symbol);
  const view = useLiveQuery(
    symbol === undefined || isUnknown
      ? undefined
      : { channel: "heatmap", where: { column: "symbol", eq: symbol } },
  );
  const newest = view.rows.find(({ price: level, as_of: asOf }) => level === 0 && asOf);
  const price = usePrice(symbol) ?? newest?.value.toString();
  const setViewport = useCallback(
    (next: Viewport | undefined) => update((before) => ({ ...before, viewport: next })),
    [update],
  );
  const fromMs = useHistoryStart(live, "heatmap", isRewound);
  const begin = (): void => beginRewind(live, "heatmap", setPast);
  usePageKeys({
    "?": () => setHasKeys(!hasKeys),
    t: () => (isRewound ? setPast(undefined) : begin()),
    m: () => markets.current?.focus(),
  });
  return (
    <div className="app heatmap" data-rewound={isRewound}>
      <header className="title">
        <span className="brand">
          <span className="mark" aria-hidden="true" />
          Liquidations
        </span>
        <Markets
          select={markets}
          symbols={symbols}
          symbol={symbol}
          onChange={(next) =>
            update((before) => ({ ...before, symbol: next, viewport: undefined }))
          }
        />
        <span className="price number" aria-label="Last price">
          {price === undefined ? "–" : groupDigits(price)}
        </span>
        {!isUnknown && <Badge {...badgeOf(view, isRewound)} />}
        <span className="spacer" />
        {pollMs !== undefined && !isRewound && (
          <span className="dim">Polls every {pollMs / 1_000} s: the server has no socket</span>
        )}
        <button
          type="button"
          disabled={viewport === undefined}
          onClick={() => setViewport(undefined)}
        >
          Show all
        </button>
        {!isRewound && (
          <button type="button" title="Show the past (T)" onClick={begin}>
            Rewind
          </button>
        )}
        <ThemeButton />
      </header>
      {isRewound && (
        <RewindBar
          past={past}
          rewind={rewind}
          live={live}
          channel="heatmap"
          fromMs={fromMs}
          onChange={setPast}
        />
      )}
      <main>
        <Heatmap
          symbol={symbol ?? ""}
          isUnknown={isUnknown}
          rows={view.rows}
          status={view.status}
          reason={view.reason}
          isRewound={isRewound}
          isBeforeHistory={isRewound && fromMs !== undefined && rewind.atMs < fromMs}
          price={price === undefined ? undefined : Number(price)}
          viewport={viewport}
          onViewport={setViewport}
        />
      </main>
      <Strip past={past} atMs={rewind.atMs}>
        <button
          type="button"
          className="plain keys-hint"
          aria-expanded={hasKeys}
          onClick={() => setHasKeys(!hasKeys)}
        >
          Keyboard shortcuts <kbd>?</kbd>
        </button>
      </Strip>
      {hasKeys && <KeyList keys={KEYS} />}
    </div>
  );
}

/** The market that most people look at, or the first one. */
function usualOf(symbols: readonly { readonly symbol: string }[]): string | undefined {
  return (symbols.find(({ symbol }) => symbol === USUAL) ?? symbols[0])?.symbol;
}

function Markets({
  select,
  symbols,
  symbol,
  onChange,
}: {
  readonly select: RefObject<HTMLSelectElement | null>;
  readonly symbols: readonly { readonly symbol: string; readonly name: string }[];
  readonly symbol: string | undefined;
  readonly onChange: (symbol: string) => void;
}): ReactElement {
  // A market that is not loaded yet, or that the link has and the server has not.
  const isKnown = symbols.some((each) => each.symbol === symbol);
  return (
    <select
      ref={select}
      aria-label="Market"
      title="Choose the market (M)"
      value={symbol ?? ""}
      onChange={({ target }) => onChange(target.value)}
    >
      {!isKnown && <option value={symbol ?? ""}>{symbol ?? "–"}</option>}
      {symbols.map((each) => (
        <option key={each.symbol} value={each.symbol}>
          {each.symbol} · {each.name}
        </option>
      ))}
    </select>
  );
}

/** The last traded price, as the newest candle has it. */
function usePrice(symbol: string | undefined): string | undefined {
  return useLiveQuery(
    symbol === undefined
      ? undefined
      : {
          channel: "candles_1m",
          where: { column: "symbol", eq: symbol },
          orderBy: [{ column: "bucket", direction: "desc" }],
          limit: 1,
        },
    { select: ({ rows }) => rows[0]?.close },
  );
}

interface ViewStatus {
  readonly status: BadgeStatus;
  readonly reason: string | undefined;
}

function badgeOf(
  { status, reason }: ViewStatus,
  isRewound: boolean,
): { readonly status: BadgeStatus; readonly why: string | undefined } {
  if (status === "idle") return { status: "loading", why: undefined };
  return isRewound && status !== "loading" && status !== "refused"
    ? { status: "rewound", why: undefined }
    : { status, why: reason };
}

function Strip({
  past,
  atMs,
  children,
}: {
  readonly past: Past | undefined;
  readonly atMs: number;
  readonly children: ReactElement;
}): ReactElement {
  const client = useTidemarkClient();
  const now = useNow();
  const rewound = past && pastLabel(past, atMs, now);
  return (
    <StatusStrip connection={useConnection()} rewound={rewound} onRetry={() => client.connect()}>
      {children}
    </StatusStrip>
  );
}
