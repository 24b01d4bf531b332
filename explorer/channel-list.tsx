/**
 * The list of channels, from the server's own live table: rows, rate, and the status of a channel
 * that is not live.
 */
import type { ReactElement } from "react";
import type { Row } from "../src/client/index.ts";
import { Badge, type BadgeStatus } from "../examples/review/ui/badge.tsx";
import { formatCompact, formatRate } from "../examples/review/ui/format.ts";

export interface ChannelListProps {
  readonly channels: readonly Row[];
  readonly selected: string | undefined;
  readonly onSelect: (channel: string) => void;
}

export function ChannelList({ channels, selected, onSelect }: ChannelListProps): ReactElement {
  return (
    <nav className="channels" aria-label="Channels">
      <ul>
        {channels.map((channel) => (
          <ChannelItem
            key={String(channel["channel"])}
            channel={channel}
            isSelected={channel["channel"] === selected}
            onSelect={onSelect}
          />
        ))}
      </ul>
    </nav>
  );
}

function ChannelItem({
  channel,
  isSelected,
  onSelect,
}: {
  readonly channel: Row;
  readonly isSelected: boolean;
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
        {status === "live" ? (
          <>
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
export function ChannelSelect({ channels, selected, onSelect }: ChannelListProps): ReactElement {
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
            {name} · {detail}
          </option>
        );
      })}
    </select>
  );
}
