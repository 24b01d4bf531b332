/** The panel beside the grid: one whole row, live; or as the grid has it, while that stands still. */
import { useEffect, useState, type ReactElement } from "react";
import type { Column, Row, Where } from "../src/client/index.ts";
import { useLiveQuery } from "../src/react/index.ts";
import { cellText, columnFormat } from "./cell-text.ts";
import { copyText } from "./copy-text.ts";
import { asTsv } from "./grid-keys.ts";
import { ViewBadge } from "./outage.tsx";
import { useServerNow } from "./use-server-now.ts";

/** Holding an arrow key asks the server for the last row only. */
const SETTLE_MS = 150;

export interface DetailProps {
  readonly channel: string;
  readonly keyColumns: readonly string[];
  readonly rowKey: string;
  /** The row as the grid has it, without hidden columns: shown until the whole row has come. */
  readonly shown: Row | undefined;
  /** The row may be older than the live rows. */
  readonly keepsHistory: boolean;
  readonly isStill: boolean;
  readonly onClose: () => void;
}

export function Detail(props: DetailProps): ReactElement {
  const { channel, keyColumns, rowKey, shown, keepsHistory, isStill, onClose } = props;
  const settledKey = useSettled(rowKey, SETTLE_MS);
  const where = whereKey(keyColumns, settledKey);
  const live = useLiveQuery(
    isStill ? undefined : { channel, where, ...(keepsHistory && { history: true }) },
  );
  const row = live.row(rowKey) ?? shown;
  const isWaiting = !isStill && (settledKey !== rowKey || live.status === "loading");
  const now = useServerNow();
  const columns: readonly Column[] =
    live.columns.length > 0
      ? live.columns
      : Object.keys(row ?? {}).map((name) => ({ name, type: "any" }));
  return (
    <aside className="detail" aria-label={`Row ${rowKey}`}>
      <header>
        <h2 title={rowKey}>{rowKey}</h2>
        <button
          type="button"
          className="plain"
          disabled={row === undefined}
          onClick={() => void copyText(asTsv(columns, [row]))}
        >
          Copy
        </button>
        <button type="button" className="plain" aria-label="Close details" onClick={onClose}>
          ✕
        </button>
      </header>
      {!isStill && live.status !== "live" && !(isWaiting && row !== undefined) && (
        <div className="detail-status">
          <ViewBadge view={live} />
        </div>
      )}
      {row === undefined && !isWaiting && (isStill || live.status === "live") ? (
        <p className="detail-gone">This row is no longer in the table.</p>
      ) : (
        <dl>
          {columns.map((column) => {
            const value = row?.[column.name];
            const format = columnFormat(column, {
              isKey: keyColumns.includes(column.name),
              sample: [value],
            });
            const { text, tone } = cellText(format, value, now);
            const isJson = typeof value === "object" && value !== null;
            return (
              <div key={column.name}>
                <dt>
                  {column.name}
                  <span className="dim">{column.type}</span>
                </dt>
                <dd className={tone === "normal" ? "" : tone}>
                  {isJson ? <pre>{JSON.stringify(value, null, 2)}</pre> : text}
                  {column.type === "timestamp" && value !== null && value !== undefined && (
                    <span className="dim absolute">{String(value)}</span>
                  )}
                </dd>
              </div>
            );
          })}
        </dl>
      )}
    </aside>
  );
}

/** The value once it has stayed the same for a while. */
function useSettled(value: string, settleMs: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), settleMs);
    return () => clearTimeout(timer);
  }, [value, settleMs]);
  return settled;
}

/** A `where` for the key. A composite key is the JSON list of its parts. */
function whereKey(columns: readonly string[], key: string): Where {
  const parts = columns.length === 1 ? [key] : (JSON.parse(key) as string[]);
  const terms = columns.map((column, index) => ({ column, eq: parts[index] ?? null }));
  return terms.length === 1 ? (terms[0] as Where) : { and: terms };
}
