/** The strip at the bottom of a page: connection, seq, age, latency and rates. */
import type { ReactElement } from "react";
import type { ConnectionStats } from "tidemark/client";
import { Badge } from "./badge.tsx";
import { formatAge, formatBytes, formatCount, formatMs, formatRate } from "./format.ts";
import { useNow } from "./use-now.ts";

export function StatusStrip({
  connection,
  children,
}: {
  readonly connection: ConnectionStats;
  readonly children?: ReactElement;
}): ReactElement {
  const { asOf } = connection;
  const now = useNow() + connection.clockOffsetMs;
  return (
    <footer className="strip">
      <ConnectionBadge connection={connection} />
      <dl>
        <Item
          name="as of"
          width={72}
          title={asOf === undefined ? undefined : new Date(asOf).toLocaleString()}
        >
          {asOf === undefined ? "–" : formatAge(Math.max(0, now - asOf))}
        </Item>
        <Item
          name="seq"
          width={72}
          title={connection.epoch === undefined ? undefined : `epoch ${connection.epoch}`}
        >
          {formatCount(connection.seq)}
        </Item>
        <Item name="delivery p50" width={52} title="From commit to this page, last minute">
          {formatMs(connection.latencyP50Ms)}
        </Item>
        <Item name="p99" width={52}>
          {formatMs(connection.latencyP99Ms)}
        </Item>
        <Item name="rows/s" width={48}>
          {formatRate(connection.rowsPerSecond)}
        </Item>
        <Item name="bytes/s" width={56}>
          {formatBytes(connection.bytesPerSecond)}
        </Item>
      </dl>
      <span className="spacer" />
      {children}
    </footer>
  );
}

function Item({
  name,
  width,
  title,
  children,
}: {
  readonly name: string;
  readonly width: number;
  readonly title?: string | undefined;
  readonly children: string;
}): ReactElement {
  return (
    <div className="item" title={title}>
      <dt>{name}</dt>
      <dd style={{ minWidth: width }}>{children}</dd>
    </div>
  );
}

function ConnectionBadge({
  connection: { state, carrier },
}: {
  readonly connection: ConnectionStats;
}): ReactElement {
  const now = useNow();
  switch (state.kind) {
    case "open":
      return <Badge status="live" why={carrier} />;
    case "waiting":
      return (
        <Badge
          status="stale"
          why={`${state.reason}; next attempt in ${Math.max(0, Math.ceil((state.retryAtMs - now) / 1_000))} s`}
        />
      );
    case "refused":
      return <Badge status="refused" why={state.reason} />;
    case "stopped":
      return <Badge status="stale" why="closed" />;
    case "idle":
    case "connecting":
    case "greeting":
    case "identifying":
      return <Badge status="loading" why="connecting" />;
  }
}
