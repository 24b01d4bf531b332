/** The page: its header, the workspace, and the status strip. */
import { useCallback, useMemo, useState, type ReactElement } from "react";
import { KeyList } from "../../ui/key-list.tsx";
import { pastLabel } from "../../ui/moment-text.ts";
import type { Past } from "../../ui/past.ts";
import { State } from "../../ui/state.tsx";
import { StatusStrip } from "../../ui/status-strip.tsx";
import { beginRewind, RewindBar, useHistoryStart } from "../../ui/rewind-bar.tsx";
import { ThemeButton } from "../../ui/theme-button.tsx";
import { useAddressState, type Update } from "../../ui/use-address-state.ts";
import { useRewind } from "../../ui/use-rewind.ts";
import { useNow } from "../../ui/use-now.ts";
import { WorkspaceContext } from "./arranging.ts";
import { live } from "./client.ts";
import { TidemarkProvider, useConnection, useTidemarkClient } from "./hooks.ts";
import type { Channels } from "../channels.ts";
import { arrange, compact, freePlace, type Box } from "./layout.ts";
import {
  DEFAULT_STATE,
  KINDS,
  addressOf,
  newWidget,
  parsePage,
  type PageState,
  type WidgetKind,
  type WidgetState,
} from "./page-state.ts";
import { RewoundContext } from "./rewound.ts";
import { KEYS, usePageKeys } from "./use-page-keys.ts";
import { WIDGETS } from "./widget-kinds.ts";

const IN_ADDRESS = { parse: parsePage, addressOf };

export function App(): ReactElement {
  const [page, update] = useAddressState(IN_ADDRESS);
  const [hasKeys, setHasKeys] = useState(false);
  const { past } = page;
  const setPast = useCallback(
    (next: Past | undefined) => update((before) => ({ ...before, past: next })),
    [update],
  );
  const rewind = useRewind<Channels>(past, setPast);
  const fromMs = useHistoryStart(live, "depth", past !== undefined);
  const begin = (): void => beginRewind(live, "depth", setPast);
  usePageKeys({
    onHelp: () => setHasKeys((before) => !before),
    onRewind: () => (past === undefined ? begin() : setPast(undefined)),
  });
  return (
    <TidemarkProvider client={rewind.client ?? live}>
      <RewoundContext value={past !== undefined}>
        <div className="app trading" data-rewound={past !== undefined}>
          <header className="title">
            <span className="brand">
              <span className="mark" aria-hidden="true" />
              Trading
            </span>
            <AddWidget update={update} />
            <span className="spacer" />
            {past === undefined && (
              <button type="button" title="Show the past (T)" onClick={begin}>
                Rewind
              </button>
            )}
            <button
              type="button"
              className="plain reset-layout"
              onClick={() => update((before) => ({ ...before, widgets: DEFAULT_STATE.widgets }))}
            >
              Reset layout
            </button>
            <ThemeButton />
          </header>
          {past !== undefined && (
            <RewindBar
              past={past}
              rewind={rewind}
              live={live}
              channel="depth"
              fromMs={fromMs}
              onChange={setPast}
            />
          )}
          <Workspace widgets={page.widgets} update={update} />
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
      </RewoundContext>
    </TidemarkProvider>
  );
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

function Workspace({
  widgets,
  update,
}: {
  readonly widgets: readonly WidgetState[];
  readonly update: Update<PageState>;
}): ReactElement {
  const change = useCallback(
    (map: (widgets: readonly WidgetState[]) => readonly WidgetState[]) =>
      update((before) => ({ ...before, widgets: map(before.widgets) })),
    [update],
  );
  const workspace = useMemo(
    () => ({
      place: (id: string, box: Box) => change((before) => arrange(before, id, box)),
      remove: (id: string) =>
        change((before) => compact(before.filter((widget) => widget.id !== id))),
    }),
    [change],
  );
  const onSymbol = useCallback(
    (symbol: string) =>
      change((before) =>
        before.map((widget) => (WIDGETS[widget.kind].hasSymbol ? { ...widget, symbol } : widget)),
      ),
    [change],
  );
  return (
    <WorkspaceContext value={workspace}>
      <main className="workspace">
        {widgets.length === 0 && (
          <State title="The workspace is empty">Add a widget, or reset the layout.</State>
        )}
        {widgets.map((widget) => {
          const { Component } = WIDGETS[widget.kind];
          return (
            <Component
              key={widget.id}
              widget={widget}
              onSymbol={onSymbol}
              onChange={(part) =>
                change((before) =>
                  before.map((each) => (each.id === widget.id ? { ...each, ...part } : each)),
                )
              }
            />
          );
        })}
      </main>
    </WorkspaceContext>
  );
}

function AddWidget({ update }: { readonly update: Update<PageState> }): ReactElement {
  const add = (kind: WidgetKind): void =>
    update((before) => {
      const id = String(1 + Math.max(0, ...before.widgets.map((widget) => Number(widget.id))));
      const box = freePlace(before.widgets, WIDGETS[kind].size);
      return { ...before, widgets: [...before.widgets, newWidget(kind, id, box)] };
    });
  return (
    <select
      className="add-widget"
      aria-label="Add a widget"
      value=""
      onChange={({ target }) => add(target.value as WidgetKind)}
    >
      <option value="" disabled>
        Add widget
      </option>
      {KINDS.map((kind) => (
        <option key={kind} value={kind}>
          {WIDGETS[kind].title}
        </option>
      ))}
    </select>
  );
}
