/**
 * The list of channels, from the server's own live table: rows, rate, and the status of a channel
 * that is not live.
 */
import { useEffect, useRef, useState, type KeyboardEvent, type ReactElement } from "react";
import type { Row } from "../src/client/index.ts";
import { Badge, type BadgeStatus } from "../examples/ui/badge.tsx";
import { formatCompact, formatRate } from "../examples/ui/format.ts";
import { Sparkline } from "./sparkline.tsx";
import { useRates } from "./use-rates.ts";

/** Fewer tables than this are found by looking. */
const SEARCH_FROM = 8;
const NO_SAMPLES: readonly (number | undefined)[] = [];

export interface ChannelListProps {
  readonly channels: readonly Row[];
  readonly selected: string | undefined;
  readonly onSelect: (channel: string) => void;
}

export function ChannelList({
  channels,
  selected,
  isConnected,
  isRewound,
  onSelect,
}: ChannelListProps & {
  readonly isConnected: boolean;
  /** Counts and rates are of the present, and not shown then. */
  readonly isRewound: boolean;
}): ReactElement {
  const [find, setFind] = useState("");
  const rates = useRates(channels, isConnected);
  const list = useRef<HTMLUListElement>(null);
  const found = channels.filter((row) =>
    String(row["channel"]).toLowerCase().includes(find.trim().toLowerCase()),
  );
  const isListed = channels.some((row) => row["channel"] === selected);
  useEffect(() => {
    // Scrolls when another table is chosen, not when tables come and go.
    list.current?.querySelector("[aria-current=page]")?.scrollIntoView({ block: "nearest" });
    // oxlint-disable-next-line react/exhaustive-effect-dependencies, react-hooks/exhaustive-deps
  }, [selected, isListed]);

  const onFindKey = (event: KeyboardEvent): void => {
    const first = found[0]?.["channel"];
    if (event.key === "Escape" && find !== "") setFind("");
    else if (event.key === "Enter" && first !== undefined) onSelect(String(first));
    else if (event.key === "ArrowDown") list.current?.querySelector("button")?.focus();
    else return;
    event.stopPropagation();
    event.preventDefault();
  };
  const onListKey = (event: KeyboardEvent): void => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (by === 0) return;
    const buttons = [...(list.current?.querySelectorAll("button") ?? [])];
    const at = buttons.findIndex((button) => button === document.activeElement);
    buttons[Math.max(0, Math.min(buttons.length - 1, at + by))]?.focus();
    event.preventDefault();
  };
  return (
    <nav className="channels" aria-label="Channels">
      {channels.length >= SEARCH_FROM && (
        <input
          type="search"
          aria-label="Find a table"
          placeholder={`Find one of ${channels.length} tables`}
          spellCheck={false}
          autoComplete="off"
          value={find}
          onChange={(event) => setFind(event.target.value)}
          onKeyDown={onFindKey}
        />
      )}
      <ul ref={list} onKeyDown={onListKey}>
        {found.map((channel) => (
          <ChannelItem
            key={String(channel["channel"])}
            channel={channel}
            samples={rates.get(String(channel["channel"])) ?? NO_SAMPLES}
            isSelected={channel["channel"] === selected}
            isRewound={isRewound}
            onSelect={onSelect}
          />
        ))}
      </ul>
      {found.length === 0 && find !== "" && <p className="dim">No table has this name.</p>}
    </nav>
  );
}

function ChannelItem({
  channel,
  samples,
  isSelected,
  isRewound,
  onSelect,
}: {
  readonly channel: Row;
  readonly samples: readonly (number | undefined)[];
  readonly isSelected: boolean;
  readonly isRewound: boolean;
  readonly onSelect: (channel: string) => void;
}): ReactElement {
  const name = String(channel["channel"]);
  const status = channel["status"] as BadgeStatus;
  const rate = Number(channel["changes_per_second"] ?? 0);
  const reason = typeof channel["reason"] === "string" ? channel["reason"] : undefined;
  return (
    <li>
      <button
        type="button"
        className="plain"
        aria-current={isSelected ? "page" : undefined}
        onClick={() => onSelect(name)}
        title={reason ?? name}
      >
        <span className="channel-name">{name}</span>
        {isRewound ? null : status === "live" ? (
          <>
            <Sparkline samples={samples} />
            <span className="rate number dim">{rate > 0 ? `${formatRate(rate)}/s` : ""}</span>
            <span className="rows number">{formatCompact(Number(channel["rows"]))}</span>
          </>
        ) : (
          <Badge status={status} />
        )}
      </button>
    </li>
  );
}

/** The same list on a phone. */
export function ChannelSelect({
  channels,
  selected,
  isRewound,
  onSelect,
}: ChannelListProps & { readonly isRewound: boolean }): ReactElement {
  return (
    <select
      className="channel-select"
      aria-label="Channel"
      value={selected ?? ""}
      onChange={(event) => onSelect(event.target.value)}
    >
      {selected === undefined && <option value="">Choose a table</option>}
      {channels.map((channel) => {
        const name = String(channel["channel"]);
        const detail =
          channel["status"] === "live"
            ? `${formatCompact(Number(channel["rows"]))} rows`
            : String(channel["status"]).replace("_", " ");
        return (
          <option key={name} value={name}>
            {isRewound ? name : `${name} · ${detail}`}
          </option>
        );
      })}
    </select>
  );
}
