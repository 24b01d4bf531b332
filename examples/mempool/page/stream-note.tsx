/** Beside a panel's badge: what the stream had to repair there. */
import { useSyncExternalStore, type ReactElement } from "react";
import { formatAge, formatCount } from "../../ui/format.ts";
import { useNow } from "../../ui/use-now.ts";
import { live } from "./client.ts";
import { StreamNotes } from "./stream-notes.ts";

const streamNotes = new StreamNotes((listener) => live.inspect(listener));
/** What is longer ago is over. */
const SHOWN_MS = 60_000;

export function StreamNote({ channel }: { readonly channel: string }): ReactElement | null {
  const { resyncs, waits, lastMs } = useSyncExternalStore(streamNotes.subscribe, () =>
    streamNotes.of(channel),
  );
  const now = useNow();
  if (lastMs === undefined || now - lastMs > SHOWN_MS) return null;
  const texts = [
    ...(waits > 0 ? [`the server waited ${times(waits)}`] : []),
    ...(resyncs > 0 ? [`loaded anew ${times(resyncs)}`] : []),
  ];
  return (
    <span
      className="stream-note"
      title={`${texts.join(", ")}; the rows are complete again. Last: ${new Date(lastMs).toLocaleString()}`}
    >
      {waits > 0 ? "⚠ slow" : "↻ resynced"} {formatAge(now - lastMs)}
    </span>
  );
}

function times(count: number): string {
  return count === 1 ? "once" : `${formatCount(count)} times`;
}
