/** The explorer's layout: the list of channels, the chosen channel, the status strip. */
import { useCallback, useRef, useState, type ReactElement } from "react";
import { useConnection, useLiveQuery, useTidemarkClient } from "../src/react/index.ts";
import { State } from "../examples/ui/state.tsx";
import { StatusStrip } from "../examples/ui/status-strip.tsx";
import { ThemeButton } from "../examples/ui/theme-button.tsx";
import { ChannelList, ChannelSelect } from "./channel-list.tsx";
import { ChannelView } from "./channel-view.tsx";
import { CountsNote, NotLoaded, useIsAway } from "./outage.tsx";
import type { TableCommands } from "./palette.tsx";
import { Shortcuts } from "./shortcuts.tsx";
import { SideResizer } from "./side-resizer.tsx";
import { usePalette } from "./use-palette.tsx";
import { usePageState } from "./use-page-state.ts";

export function App(): ReactElement {
  const [page, update] = usePageState();
  const [hasKeys, setHasKeys] = useState(false);
  const client = useTidemarkClient();
  const channelCommands = useRef<TableCommands>(undefined);
  const connection = useConnection();
  const isAway = useIsAway();
  const catalog = useLiveQuery({
    channel: "tidemark.channels",
    orderBy: [{ column: "channel" }],
  });
  const served = catalog.rows.filter((row) => row["status"] !== "refused");
  const channels = [...served, ...catalog.rows.filter((row) => row["status"] === "refused")];
  const selected = page.channel ?? (served.length > 0 ? String(served[0]?.["channel"]) : undefined);
  const refused = catalog.rows.find(
    (row) => row["channel"] === selected && row["status"] === "refused",
  );

  const select = useCallback(
    (channel: string) =>
      update({ channel, filters: {}, sort: [], columns: undefined, row: undefined }),
    [update],
  );
  const step = (by: 1 | -1): void => {
    const index = channels.findIndex((row) => row["channel"] === selected);
    const next = channels[(index + by + channels.length) % channels.length];
    if (next !== undefined) select(String(next["channel"]));
  };
  const isRewound = page.past !== undefined;
  const list = { channels, selected, isRewound, onSelect: select };
  const palette = usePalette({
    tables: channels.map((row) => String(row["channel"])),
    shown: selected,
    select,
    offers: channelCommands,
    showKeys: () => setHasKeys(true),
  });

  return (
    <div className="app" data-away={isAway} data-rewound={isRewound}>
      <div className="side">
        <div className="brand">
          <span className="mark" aria-hidden="true" />
          Tidemark
          <ChannelSelect {...list} />
          <ThemeButton />
        </div>
        <ChannelList {...list} isConnected={connection.state.kind === "open"} />
        {isRewound ? (
          <p className="counts-note dim">Counts and rates are not shown for the past.</p>
        ) : (
          <CountsNote />
        )}
        <SideResizer />
      </div>
      {selected === undefined ? (
        <main className="channel">
          {isAway ? <NotLoaded /> : <NoChannel status={catalog.status} reason={catalog.reason} />}
        </main>
      ) : refused !== undefined ? (
        <main className="channel">
          <State title={`${selected} is not live`}>{asSentence(String(refused["reason"]))}</State>
        </main>
      ) : (
        <ChannelView
          key={selected}
          channel={selected}
          page={page}
          onChange={update}
          commands={channelCommands}
        />
      )}
      <StatusStrip
        connection={connection}
        onRetry={() => client.connect()}
        rewound={isRewound ? "to an earlier time" : undefined}
      >
        <span className="keys-hint">
          <button type="button" className="plain" onClick={palette.open}>
            Ctrl K Commands
          </button>
          <button
            type="button"
            className="plain"
            aria-expanded={hasKeys}
            onClick={() => setHasKeys((before) => !before)}
          >
            ? Keys
          </button>
        </span>
      </StatusStrip>
      <Shortcuts
        isOpen={hasKeys}
        onToggle={() => setHasKeys((before) => !before)}
        onStep={step}
        onEscape={() => update(page.row === undefined ? { past: undefined } : { row: undefined })}
      />
      {palette.element}
    </div>
  );
}

function asSentence(reason: string): string {
  return reason.charAt(0).toUpperCase() + reason.slice(1);
}

function NoChannel({
  status,
  reason,
}: {
  readonly status: string;
  readonly reason: string | undefined;
}): ReactElement {
  if (status === "live")
    return (
      <State title="No tables yet">The server has no tables to show. Its log has the reason.</State>
    );
  if (status === "refused")
    return <State title="The server refused the connection">{reason}</State>;
  return (
    <State title="Connecting">{reason === "connecting" ? "Waiting for the server." : reason}</State>
  );
}
