/**
 * The strip at the bottom of a page: connection, age, seq, latency and rates; without a connection
 * the reason and the next attempt in place of latency and rates.
 */
import type { ReactElement } from "react";
import type { ConnectionStats } from "tidemark/client";
import { Badge, type BadgeStatus } from "./badge.tsx";
import { formatAge, formatBytes, formatCount, formatMs, formatRate } from "./format.ts";
import { isAway, linkOf, type Link } from "./link.ts";
import { useExactNow, useNow } from "./use-now.ts";

/** The slowest of fewer turns says nothing about one in a hundred. */
const P99_SAMPLES_MIN = 100;

export interface StatusStripProps {
  readonly connection: ConnectionStats;
  /** Tries to connect now: `client.connect`. */
  readonly onRetry: () => void;
  /** The moment that the page is rewound to: what is live is then not what is shown. */
  readonly rewound?: string | undefined;
  readonly children?: ReactElement;
}

export function StatusStrip({
  connection,
  onRetry,
  rewound,
  children,
}: StatusStripProps): ReactElement {
  const { asOf, carrier, epoch, seq } = connection;
  const now = useNow();
  const link = linkOf(connection, now);
  return (
    <footer className="strip" data-link={link.kind}>
      <span className="link">
        {rewound !== undefined && link.kind === "open" ? (
          <Badge status="rewound" why={rewound} />
        ) : (
          <Badge status={BADGES[link.kind]} why={link.kind === "open" ? carrier : undefined} />
        )}
      </span>
      {rewound === undefined && (
        <dl>
          <Item
            name="as of"
            width={72}
            title={asOf === undefined ? undefined : new Date(asOf).toLocaleString()}
          >
            {asOf === undefined
              ? "–"
              : formatAge(Math.max(0, now + connection.clockOffsetMs - asOf))}
          </Item>
          <Item name="seq" width={72} title={epoch === undefined ? undefined : `epoch ${epoch}`}>
            {formatCount(seq)}
          </Item>
          {!isAway(link) && <Rates connection={connection} />}
        </dl>
      )}
      {isAway(link) && <Outage link={link} onRetry={onRetry} />}
      <span className="spacer" />
      {children}
    </footer>
  );
}

const BADGES: Readonly<Record<Link["kind"], BadgeStatus>> = {
  open: "live",
  connecting: "connecting",
  silent: "stale",
  disconnected: "disconnected",
  refused: "refused",
  closed: "disconnected",
};

function Rates({ connection }: { readonly connection: ConnectionStats }): ReactElement {
  const { latencyP50Ms, latencyP99Ms, latencySamples } = connection;
  const hasP99 = latencySamples >= P99_SAMPLES_MIN;
  return (
    <>
      <Item name="delivery p50" width={52} title="From commit to this page, last minute">
        {formatMs(latencyP50Ms)}
      </Item>
      <Item
        name="p99"
        width={52}
        title={
          hasP99
            ? `Of ${formatCount(latencySamples)} samples of the last minute`
            : `Needs ${P99_SAMPLES_MIN} samples in the last minute; there are ${latencySamples}`
        }
      >
        {hasP99 ? formatMs(latencyP99Ms) : "–"}
      </Item>
      <Item name="samples" width={36} title="Deliveries measured in the last minute">
        {formatCount(latencySamples)}
      </Item>
      <Item name="rows/s" width={48} title="Changed rows; those of first loads do not count">
        {formatRate(connection.rowsPerSecond)}
      </Item>
      <Item name="bytes/s" width={56}>
        {formatBytes(connection.bytesPerSecond)}
      </Item>
    </>
  );
}

/** Why there is no connection, when the next attempt is due, and the button that makes it now. */
function Outage({
  link: { kind, reason = "", retryAtMs },
  onRetry,
}: {
  readonly link: Link;
  readonly onRetry: () => void;
}): ReactElement {
  const now = useExactNow();
  const leftMs = retryAtMs === undefined ? 0 : retryAtMs - now;
  return (
    <span className="outage">
      <span className="reason" title={reason}>
        {reason.charAt(0).toUpperCase() + reason.slice(1)}
      </span>
      {kind === "disconnected" && (
        <span className="next number">
          {leftMs > 0 ? `Next attempt in ${Math.ceil(leftMs / 1_000)} s` : "Connecting"}
        </span>
      )}
      {(kind === "disconnected" || kind === "refused") && (
        <button type="button" onClick={onRetry}>
          Try now
        </button>
      )}
    </span>
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
