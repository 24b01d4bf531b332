/**
 * What each polled query costs, from `/stats`, while the dialog is open: its rows, the rows that its
 * last result changed, the duration of its last run, and who watches.
 */
import { useEffect, useRef, useState, type ReactElement } from "react";
import { formatCount, formatMs } from "../examples/ui/format.ts";
import "./polled-queries.css";

const REFRESH_MS = 1_000;

/** As the server reports a query. */
interface QueryStats {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly watchers: number;
  readonly rows: number;
  readonly changed_rows: number;
  readonly last_ms: number;
  readonly runs: number;
  readonly failures: number;
  readonly error?: string;
}

interface PolledQuery extends QueryStats {
  readonly source: string;
}

interface Answer {
  readonly queries: readonly PolledQuery[];
  /** Why they are not known, or are those of a while ago. */
  readonly trouble: string | undefined;
}

export function PolledQueries({ onClose }: { readonly onClose: () => void }): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const answer = useQueries();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      className="polled-queries"
      aria-label="Polled queries"
      onClose={onClose}
      onKeyDown={(event) => event.stopPropagation()}
      onClick={({ target }) => target === dialog.current && dialog.current.close()}
    >
      <header>
        <h2>Polled queries</h2>
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </header>
      {answer?.trouble !== undefined && <p role="alert">{answer.trouble}</p>}
      {answer === undefined && <p className="dim">Loading</p>}
      {answer?.trouble === undefined && answer?.queries.length === 0 && (
        <p className="dim">No query runs. Each runs while somebody watches its table.</p>
      )}
      {answer !== undefined && answer.queries.length > 0 && <Table queries={answer.queries} />}
    </dialog>
  );
}

function Table({ queries }: { readonly queries: readonly PolledQuery[] }): ReactElement {
  return (
    <div className="scroller">
      <table>
        <thead>
          <tr>
            {["query", "rows", "changed", "last run", "watchers", "runs", "failures"].map(
              (name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>
          {queries.map((query) => (
            <tr key={nameOf(query)}>
              <th scope="row">
                {nameOf(query)}
                {query.error !== undefined && <span className="error">{query.error}</span>}
              </th>
              <td className="number">{formatCount(query.rows)}</td>
              <td className="number">{formatCount(query.changed_rows)}</td>
              <td className="number">{formatMs(query.last_ms)}</td>
              <td className="number">{formatCount(query.watchers)}</td>
              <td className="number">{formatCount(query.runs)}</td>
              <td className="number">{formatCount(query.failures)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** `heatmap symbol=BTCUSDT`: without what the names of such sources begin with. */
function nameOf({ source, parameters }: PolledQuery): string {
  const values = Object.entries(parameters).map(([name, value]) => `${name}=${String(value)}`);
  return [source.replace(/^polled:/, ""), ...values].join(" ");
}

/** Asked anew each second; undefined until the first answer. */
function useQueries(): Answer | undefined {
  const [answer, setAnswer] = useState<Answer>();
  useEffect(() => {
    const end = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      try {
        const queries = await readQueries(end.signal);
        setAnswer({ queries, trouble: undefined });
      } catch (error) {
        if (end.signal.aborted) return;
        const trouble = `The server does not tell: ${String(error)}`;
        setAnswer((before) => ({ queries: before?.queries ?? [], trouble }));
      }
      if (!end.signal.aborted) timer = setTimeout(() => void ask(), REFRESH_MS);
    };
    void ask();
    return () => {
      end.abort();
      clearTimeout(timer);
    };
  }, []);
  return answer;
}

async function readQueries(signal: AbortSignal): Promise<readonly PolledQuery[]> {
  const response = await fetch(new URL("/stats", location.href), { signal });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const { sources = {} } = (await response.json()) as {
    readonly sources?: Readonly<Record<string, { readonly queries?: readonly QueryStats[] }>>;
  };
  return Object.entries(sources).flatMap(([source, { queries = [] }]) =>
    queries.map((query) => ({ source, ...query })),
  );
}
