/**
 * Which results other reviewers have open. Each tab renews its row; a tab that stops disappears
 * after half a minute.
 */
import { useEffect, useMemo, useRef } from "react";
import { client, me } from "./client.ts";
import { useLiveQuery } from "./hooks.ts";

export interface Present {
  readonly id: string;
  readonly name: string;
}

const RENEW_MS = 10_000;
const NOBODY: readonly Present[] = [];

/** Returns the other reviewers by result, and reports which result this tab has open. */
export function usePresence(
  project: number | undefined,
  result: string | undefined,
): {
  readonly byResult: ReadonlyMap<string, readonly Present[]>;
  readonly others: readonly Present[];
} {
  useReports(project, result);
  const { rows } = useLiveQuery({ channel: "presence" });
  return useMemo(() => {
    const byResult = new Map<string, Present[]>();
    const others = rows.filter(({ id }) => id !== me.id);
    for (const { id, name, result_id } of others) {
      if (result_id === null) continue;
      const there = byResult.get(result_id) ?? [];
      byResult.set(result_id, [...there, { id, name }]);
    }
    return { byResult, others: others.length === 0 ? NOBODY : others };
  }, [rows]);
}

/** One report is under way at a time, so that none pile up while there is no connection. */
function useReports(project: number | undefined, result: string | undefined): void {
  const renewals = useRef(0);
  const newest = useRef<{ project_id: number; result_id: string | null }>(undefined);
  const isReporting = useRef(false);
  useEffect(() => {
    const look = { project_id: project ?? 0, result_id: result ?? null };
    newest.current = look;
    const report = async (): Promise<void> => {
      if (isReporting.current) return;
      isReporting.current = true;
      for (let sent; sent !== newest.current;) {
        sent = newest.current;
        // A lost report is repeated at the next renewal.
        await client.mutate.presence
          .look({ ...look, ...sent, renewals: renewals.current++ })
          .catch(() => {});
      }
      isReporting.current = false;
    };
    void report();
    const timer = setInterval(() => void report(), RENEW_MS);
    return () => clearInterval(timer);
  }, [project, result]);
  useEffect(() => {
    const leave = (): void => void client.mutate.presence.leave({}).catch(() => {});
    addEventListener("pagehide", leave);
    return () => removeEventListener("pagehide", leave);
  }, []);
}
