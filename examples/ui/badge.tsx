/** The status of a view, as a word with a shape, so that it does not depend on colour. */
import type { ReactElement } from "react";

export type BadgeStatus =
  | "idle"
  | "live"
  | "connecting"
  | "loading"
  | "catching_up"
  | "stale"
  | "disconnected"
  | "refused"
  | "partial"
  | "paused"
  | "rewound";

const WORDS: Readonly<Record<BadgeStatus, string>> = {
  idle: "off",
  live: "live",
  connecting: "connecting",
  loading: "loading",
  catching_up: "catching up",
  stale: "stale",
  disconnected: "disconnected",
  refused: "refused",
  partial: "partial",
  paused: "paused",
  rewound: "rewound",
};

export function Badge({
  status,
  why,
}: {
  readonly status: BadgeStatus;
  readonly why?: string | undefined;
}): ReactElement {
  return (
    <span className="badge" data-status={status} role="status" title={why}>
      <span className="dot" aria-hidden="true" />
      {WORDS[status]}
      {why !== undefined && <span className="why">{why}</span>}
    </span>
  );
}
