/**
 * `tidemark tail`: a live table in the terminal, redrawn when it changes; one line per change when
 * the output is no terminal.
 */
import { createClient } from "../client/node.ts";
import { systemClock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import { parseQuery } from "../protocol/parse-query.ts";
import { fromWireQuery, type Query } from "../protocol/user-query.ts";
import type { Row } from "../protocol/row.ts";

export interface TailOptions {
  readonly url: string;
  readonly channel: string;
  /** A `where` as JSON, in snake_case as on the wire. */
  readonly where: string | undefined;
  /** The number of rows shown. */
  readonly limit: number;
  readonly auth: string | undefined;
  readonly output: NodeJS.WriteStream;
}

const REDRAW_MS = 100;

/** Runs until the process is stopped. */
export function tail({ url, channel, where, limit, auth, output }: TailOptions): Promise<never> {
  const client = createClient({ url, ...(auth !== undefined && { auth: jsonOrText(auth) }) });
  const query = queryOf(channel, where);
  const view = client.live(query as Query & { channel: string });
  const known = new Map<string, string>();
  let isScheduled = false;
  const draw = (): void => {
    isScheduled = false;
    const { rows, keys, status, reason, asOf, error } = view.getSnapshot();
    if (error !== undefined) fail(error.code, error.message);
    if (!output.isTTY) return lines(keys, view.row, known, output);
    const shown = rows.slice(-limit);
    const head = `${channel}  ${rows.length} rows  ${status}${reason === undefined ? "" : `: ${reason}`}  as of ${asOf === undefined ? "–" : new Date(asOf).toISOString()}`;
    output.write(`\u001B[2J\u001B[H${head}\n\n${table(shown, output.columns)}\n`);
  };
  const schedule = (): void => {
    if (isScheduled) return;
    isScheduled = true;
    systemClock.after(REDRAW_MS, draw);
  };
  view.subscribe(schedule);
  client.connection.subscribe(() => {
    const { state } = client.connection.getSnapshot();
    if (state.kind === "refused") fail("UNAUTHENTICATED", state.reason);
    if (output.isTTY) schedule();
  });
  return new Promise(() => {});
}

function queryOf(channel: string, where: string | undefined): Query {
  if (where === undefined) return { channel };
  let condition: unknown;
  try {
    condition = JSON.parse(where);
  } catch (cause) {
    throw new TidemarkError(
      "BAD_OPTION",
      `--where must be JSON, such as {"column": "symbol", "eq": "BTC"}.`,
      { cause },
    );
  }
  return fromWireQuery(parseQuery({ channel, where: condition }));
}

/** Prints one line per row that entered, changed or left. */
function lines(
  keys: readonly string[],
  row: (key: string) => Row | undefined,
  known: Map<string, string>,
  output: NodeJS.WriteStream,
): void {
  const present = new Set(keys);
  for (const key of keys) {
    const text = JSON.stringify(row(key));
    if (known.get(key) === text) continue;
    output.write(`${known.has(key) ? "~" : "+"} ${text}\n`);
    known.set(key, text);
  }
  for (const key of known.keys()) {
    if (present.has(key)) continue;
    output.write(`- ${JSON.stringify(key)}\n`);
    known.delete(key);
  }
}

function table(rows: readonly Row[], width: number): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = [names, ...rows.map((row) => names.map((name) => cellText(row[name])))];
  const widths = names.map((_, column) =>
    Math.min(40, Math.max(...cells.map((line) => (line[column] ?? "").length))),
  );
  return cells
    .map((line) =>
      line
        .map((cell, column) => cell.slice(0, 40).padEnd(widths[column] ?? 0))
        .join("  ")
        .slice(0, width),
    )
    .join("\n");
}

function cellText(value: unknown): string {
  return typeof value === "string"
    ? value
    : value === undefined || value === null
      ? ""
      : JSON.stringify(value);
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function fail(code: string, message: string): never {
  process.stderr.write(`tidemark: ${message} [${code}]\n`);
  process.exit(2);
}
