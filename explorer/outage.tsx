/**
 * How the explorer tells that the server is not heard: in the badge of a view, beside the counts,
 * and in place of rows that were never loaded.
 */
import { useContext, type ReactElement } from "react";
import { useConnection, useTidemarkClient, type LiveQueryResult } from "../src/react/index.ts";
import { Badge } from "../examples/ui/badge.tsx";
import { formatAge } from "../examples/ui/format.ts";
import { isAway, linkOf, type Link } from "../examples/ui/link.ts";
import { State } from "../examples/ui/state.tsx";
import { useNow } from "../examples/ui/use-now.ts";
import { PastContext } from "./past.ts";

interface Contact {
  readonly link: Link;
  /** `as of 12 s ago`: up to when the page has heard everything; undefined if never. */
  readonly asOf: string | undefined;
}

function useContact(): Contact {
  const connection = useConnection();
  const now = useNow();
  const { asOf, clockOffsetMs } = connection;
  return {
    link: linkOf(connection, now),
    asOf:
      asOf === undefined
        ? undefined
        : `as of ${formatAge(Math.max(0, now + clockOffsetMs - asOf))}`,
  };
}

/** Whether what is shown may be old, since the server is not heard. */
export function useIsAway(): boolean {
  return isAway(useContact().link);
}

/** A view's status; the connection's comes first, so that title and strip never differ. */
export function ViewBadge({
  view: { status, reason, history },
}: {
  readonly view: Pick<LiveQueryResult, "status" | "reason" | "history">;
}): ReactElement {
  const { link, asOf } = useContact();
  const past = useContext(PastContext);
  if (past !== undefined && (status === "stale" || status === "catching_up" || status === "live"))
    return <Badge status="rewound" />;
  if (link.kind === "silent") return <Badge status="stale" why={link.reason} />;
  if (isAway(link)) return <Badge status="disconnected" why={asOf} />;
  if (history?.pausedAt !== undefined) return <Badge status="paused" />;
  return <Badge status={status === "idle" ? "loading" : status} why={reason} />;
}

/** Below the list of tables, whose counts stay as they were. */
export function CountsNote(): ReactElement {
  const { link, asOf } = useContact();
  return (
    <p className="counts-note">
      {isAway(link) && (
        <Badge
          status={link.kind === "silent" ? "stale" : "disconnected"}
          why={asOf === undefined ? undefined : `counts ${asOf}`}
        />
      )}
    </p>
  );
}

/** In place of the rows of a table that was chosen during the outage. */
export function NotLoaded(): ReactElement {
  const client = useTidemarkClient();
  const { link, asOf } = useContact();
  return (
    <State
      title={asOf === undefined ? "Disconnected" : `Disconnected, ${asOf}`}
      action={
        <button type="button" onClick={() => client.connect()}>
          Try now
        </button>
      }
    >
      The rows have not been loaded, and appear when the server is back. Reason: {link.reason}.
    </State>
  );
}
