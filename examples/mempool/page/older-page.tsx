/**
 * The page on the older routes, for comparison: each revision is a whole snapshot, and the list is
 * made anew from it. Built with `VITE_UI_STREAM_V2_ENABLED=false`, for a server with
 * `VIZ_API_STREAM_V2_ENABLED=false`.
 */
import { useEffect, useMemo, useState, type ReactElement } from "react";
import { Badge } from "../../ui/badge.tsx";
import { formatCount } from "../../ui/format.ts";
import { LiveRows } from "../../ui/live-rows.tsx";
import { State } from "../../ui/state.tsx";
import { ThemeButton } from "../../ui/theme-button.tsx";
import type { TransactionSummary } from "../channels.ts";
import { OLDER_PATHS } from "../paths.ts";
import { COLUMNS } from "./transaction-columns.ts";

interface Snapshot {
  readonly revision: string;
  readonly channels: { readonly "tx.main": { readonly rows: readonly TransactionSummary[] } };
}

export function OlderPage(): ReactElement {
  const { snapshot, isOpen } = useSnapshots();
  const rows = useMemo(() => {
    const all = snapshot?.channels["tx.main"].rows ?? [];
    return all.toSorted((left, right) => right.seen_unix_ms - left.seen_unix_ms);
  }, [snapshot]);
  const byHash = useMemo(() => new Map(rows.map((row) => [row.hash, row])), [rows]);
  const keys = useMemo(() => rows.map(({ hash }) => hash), [rows]);
  return (
    <div className="app mempool">
      <header className="title">
        <span className="brand">
          <span className="mark" aria-hidden="true" />
          Mempool
        </span>
        <span className="dim">{OLDER_PATHS.stream}: a whole snapshot for each revision</span>
        <ThemeButton />
      </header>
      <main className="content">
        <section className="panel" data-panel="transactions" aria-label="Transactions">
          <header>
            <h2>Transactions</h2>
            <Badge status={isOpen ? "live" : snapshot === undefined ? "loading" : "disconnected"} />
            <span className="spacer" />
            <span className="dim count">
              newest {formatCount(keys.length)}, revision {snapshot?.revision ?? "–"}
            </span>
          </header>
          <LiveRows
            label="Transactions"
            columns={COLUMNS}
            keys={keys}
            row={(hash) => byHash.get(hash)}
            isStale={!isOpen}
            empty={
              <State title="No rows yet">
                The server needs VIZ_API_STREAM_V2_ENABLED=false to have this path.
              </State>
            }
          />
        </section>
      </main>
    </div>
  );
}

function useSnapshots(): { readonly snapshot: Snapshot | undefined; readonly isOpen: boolean } {
  const [snapshot, setSnapshot] = useState<Snapshot>();
  const [isOpen, setIsOpen] = useState(false);
  useEffect(() => {
    const stream = new EventSource(OLDER_PATHS.stream);
    const onMessage = ({ data }: MessageEvent<string>): void => {
      setIsOpen(true);
      setSnapshot(JSON.parse(data) as Snapshot);
    };
    const onError = (): void => setIsOpen(false);
    stream.addEventListener("message", onMessage);
    stream.addEventListener("error", onError);
    return () => {
      stream.removeEventListener("message", onMessage);
      stream.removeEventListener("error", onError);
      stream.close();
    };
  }, []);
  return { snapshot, isOpen };
}
