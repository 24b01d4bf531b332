/** The panel beside the grid: one whole row, as of the moment of the grid. */
import { useContext, useEffect, useRef, useState, type ReactElement } from "react";
import type { Column, Row, TidemarkClient, Where } from "../src/client/index.ts";
import { useLiveQuery } from "../src/react/index.ts";
import { cellText, columnFormat } from "./cell-text.ts";
import { copyText } from "./copy-text.ts";
import { asTsv } from "./grid-keys.ts";
import { ViewBadge } from "./outage.tsx";
import { PastContext } from "./past.ts";
import { useServerNow } from "./use-server-now.ts";
import "./detail.css";

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
  /** The moment at which the grid stands still: a seq, or a time. */
  readonly asOf: number | string | undefined;
  /** While the past plays: the client of the past. */
  readonly past: TidemarkClient | undefined;
  readonly onClose: () => void;
}

export function Detail(props: DetailProps): ReactElement {
  const { asOf, channel, keyColumns, rowKey, shown, keepsHistory, past, onClose } = props;
  const isRewound = useContext(PastContext) !== undefined;
  const isStill = asOf !== undefined;
  const settledKey = useSettled(rowKey, SETTLE_MS);
  const where = whereKey(keyColumns, settledKey);
  const moment = isStill ? { asOf } : keepsHistory && past === undefined ? { history: true } : {};
  const live = useLiveQuery({ channel, where, ...moment }, past && { client: past });
  const row = live.row(rowKey) ?? shown;
  const isWaiting = settledKey !== rowKey || live.status === "loading";
  const isAnswered = live.status === "live" || isStill || isRewound;
  const now = useServerNow();
  const known = useRef<readonly Column[]>([]);
  if (live.columns.length > 0) known.current = live.columns;
  const columns: readonly Column[] =
    known.current.length > 0
      ? known.current
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
      {!isAnswered && !(isWaiting && row !== undefined) && (
        <div className="detail-status">
          <ViewBadge view={live} />
        </div>
      )}
      {row === undefined && !isWaiting && isAnswered ? (
        <p className="detail-gone">
          {isRewound
            ? "This row was not in the table then."
            : "This row is no longer in the table."}
        </p>
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
