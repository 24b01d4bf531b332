/**
 * Writes that the server has not taken yet: a bar that lists them while there is no connection, and
 * the browser's question before the tab is closed.
 */
import { useEffect, useMemo, type ReactElement } from "react";
import type { PendingWrite } from "tidemark/client";
import type { Status } from "./client.ts";
import { usePendingWrites } from "./hooks.ts";
import { statusText } from "./result-columns.ts";

/** The user's own changes under way. Reports of presence are none. */
export function usePendingChanges(): readonly PendingWrite[] {
  const writes = usePendingWrites();
  const changes = useMemo(
    () => writes.filter(({ name }) => !name.startsWith("presence.")),
    [writes],
  );
  const hasChanges = changes.length > 0;
  useEffect(() => {
    if (!hasChanges) return undefined;
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [hasChanges]);
  return changes;
}

export function PendingChanges({
  isConnected,
  changes,
  nameOf,
}: {
  readonly isConnected: boolean;
  readonly changes: readonly PendingWrite[];
  /** The document and field of a result. */
  readonly nameOf: (key: string) => string;
}): ReactElement | null {
  if (changes.length === 0 || isConnected) return null;
  return (
    <section className="pending-changes" aria-label="Changes that are not saved">
      <p>
        <strong>{countText(changes.length)} not saved.</strong> The server will get them when it can
        be reached. If you close this tab before that, they may be lost.
      </p>
      <ul>
        {changes.map((write) => (
          <li key={write.id}>
            {actionText(write)}{" "}
            <span className="dim mono">{nameOf(write.patches[0]?.key ?? "")}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The strip's words for changes under way. */
export function savingText(changes: number, isConnected: boolean): string {
  if (changes === 0) return "All changes saved";
  return isConnected ? `Saving ${countText(changes)}` : `${countText(changes)} not saved`;
}

function countText(changes: number): string {
  return changes === 1 ? "1 change" : `${changes} changes`;
}

function actionText({ name, input, patches }: PendingWrite): string {
  const { status, value, file_name } = (input ?? {}) as {
    readonly status?: Status;
    readonly value?: string;
    readonly file_name?: string;
  };
  switch (name) {
    case "results.setStatus":
      return `Mark as ${statusText(status ?? "pending")}`;
    case "results.edit":
      return `Change the value to “${value}”`;
    case "results.restore":
      return "Undo";
    case "results.chooseMatch":
      return "Select a supplier";
    case "jobs.start":
      return `Start extraction of ${file_name}`;
    default:
      return patches[0]?.set?.["is_flagged"] === false ? "Remove the flag" : "Flag";
  }
}
