/** The frame of a part of the page: its title, how fresh it is, and what the stream had to repair. */
import type { ReactElement, ReactNode } from "react";
import type { QueryOf } from "tidemark/client";
import { Badge, type BadgeStatus } from "../../ui/badge.tsx";
import { formatAge, formatCount } from "../../ui/format.ts";
import { useNow } from "../../ui/use-now.ts";
import type { Channels } from "../channels.ts";
import { useConnection, useFreshness } from "./hooks.ts";
import { StreamNote } from "./stream-note.tsx";

/** Rows that are complete up to a moment so long ago count as fresh. */
const FRESH_MS = 3_000;

export function Panel<N extends keyof Channels & string>({
  name,
  title,
  query,
  status,
  tools,
  children,
}: {
  readonly name: string;
  readonly title: string;
  readonly query: QueryOf<Channels, N>;
  /** In place of the status of the query. */
  readonly status?: { readonly status: BadgeStatus; readonly why?: string | undefined } | undefined;
  readonly tools?: ReactNode;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <section className="panel" data-panel={name} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {status === undefined ? <Fresh query={query} /> : <Badge {...status} />}
        <StreamNote channel={query.channel} />
        <span className="spacer" />
        {tools}
      </header>
      {children}
    </section>
  );
}

function Fresh<N extends keyof Channels & string>({
  query,
}: {
  readonly query: QueryOf<Channels, N>;
}): ReactElement {
  const { status, reason, asOf, paused } = useFreshness(query);
  const { clockOffsetMs } = useConnection();
  const now = useNow();
  const ageMs = asOf === undefined ? 0 : now + clockOffsetMs - asOf;
  if (paused !== undefined) {
    const waiting = `${formatCount(paused.waiting)}${paused.isMore ? " or more" : ""}`;
    return <Badge status="paused" why={`${waiting} changed rows wait`} />;
  }
  const why = reason ?? (ageMs > FRESH_MS ? `as of ${formatAge(ageMs)}` : undefined);
  return <Badge status={status === "idle" ? "loading" : status} why={why} />;
}
