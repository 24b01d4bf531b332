/**
 * A badge that shows how fresh a query's rows are, in words and with a shape, never by colour
 * alone.
 */
import type { ReactElement } from "react";
import type { AnyChannels, ClientChannels, TidemarkClient } from "../client/client.ts";
import { isLost } from "../client/connection-state.ts";
import type { Row } from "../protocol/row.ts";
import type { MutationTree } from "../protocol/typed-mutation.ts";
import type { Query } from "../protocol/user-query.ts";
import { useTidemarkClient, type ClientOption } from "./client-context.tsx";
import type { LiveQueryStatus } from "../client/page/query-result.ts";
import { useFreshness } from "./use-live-query.ts";
import { useNow } from "./use-now.ts";

const WORDS: Readonly<Record<LiveQueryStatus, string>> = {
  idle: "off",
  live: "live",
  loading: "loading",
  catching_up: "catching up",
  stale: "stale",
  refused: "refused",
};
const SHAPES: Readonly<Record<LiveQueryStatus, string>> = {
  idle: "○",
  live: "●",
  loading: "○",
  catching_up: "◔",
  stale: "◆",
  refused: "■",
};

export interface FreshnessBadgeProps<
  R,
  C extends ClientChannels,
  M extends MutationTree,
> extends ClientOption<C, M> {
  /** The query that the page shows by `useLiveQuery`. */
  readonly query: Query<R> | null | undefined;
  /** Default `tidemark-badge`. */
  readonly className?: string;
}

/**
 * Unstyled but for its layout: style it by `data-status`, `.tidemark-age` and `.tidemark-reason`.
 * For live rows the badge shows no age; for others it shows their age and the reason. As time
 * passes, only the badge renders, not the components around it.
 */
export function FreshnessBadge<
  R = Row,
  C extends ClientChannels = AnyChannels,
  M extends MutationTree = MutationTree,
>({
  query,
  client: own,
  className = "tidemark-badge",
}: FreshnessBadgeProps<R, C, M>): ReactElement {
  const client = useTidemarkClient(own) as unknown as TidemarkClient;
  const freshness = useFreshness(query as Query | null | undefined, { client });
  const { status, asOf, reason, isPartial, paused } = freshness;
  const { state, clockOffsetMs } = client.connection.getSnapshot();
  const now = useNow() + clockOffsetMs;
  // Rows that never came are not on their way while there is no connection.
  const isDisconnected = status === "loading" && isLost(state);
  const isOld = status === "stale" || status === "catching_up";
  return (
    <span
      className={className}
      data-status={status}
      role="status"
      title={asOf === undefined ? reason : `as of ${new Date(asOf).toLocaleString()}`}
    >
      <span aria-hidden="true">{SHAPES[isDisconnected ? "stale" : status]}</span>{" "}
      {isDisconnected ? "disconnected" : WORDS[status]}
      {isPartial && status === "live" && " (partial)"}
      {isOld && asOf !== undefined && <span className="tidemark-age"> {ageText(now - asOf)}</span>}
      {reason !== undefined && status !== "live" && (
        <span className="tidemark-reason"> {reason}</span>
      )}
      {paused !== undefined && (
        <span className="tidemark-waiting">
          {" "}
          {paused.waiting}
          {paused.isMore && "+"} waiting
        </span>
      )}
    </span>
  );
}

function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.round(ageMs / 1_000));
  if (seconds < 60) return `${seconds} s old`;
  return seconds < 3_600
    ? `${Math.floor(seconds / 60)} min old`
    : `${Math.floor(seconds / 3_600)} h old`;
}
