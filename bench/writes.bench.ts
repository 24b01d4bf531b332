/**
 * Several users edit the same rows. Measures the time from a click to the user's own screen and to
 * another's, the cost, and whether a user sees an older value again. Compared with the usual
 * pattern in the same run: a trigger with NOTIFY per row, a socket that passes it on, and TanStack
 * Query with optimistic updates, invalidation and refetching. `npm run bench -- writes [seconds]`
 */
import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { WebSocket } from "ws";
import { checkHistory, type ShownValue } from "../sim/history-check.ts";
import { createClient, type TypedChannel } from "../src/client/node.ts";
import { seededRandom } from "../src/std/random.ts";
import { startPostgres } from "../test/support/postgres-server.ts";
import { startChild } from "./support/child.ts";
import { fixed, machine, percentile, table } from "./support/report.ts";
import type { mutations } from "./support/writes-server.ts";

const SECONDS = Number(process.argv[2] ?? 10);
const PEOPLE = [1, 50];
const ROWS = 200;
/** So few rows are edited that users meet. */
const HOT = 40;
const EDIT_EVERY_MS = 1_000;

interface Row {
  readonly id: string;
  readonly value: string;
}
interface Edit {
  readonly key: string;
  readonly value: string;
  readonly atMs: number;
  readonly by: number;
}

/** One page: what it showed of each row and when, and how it edits. */
interface Page {
  edit(key: string, value: string): Promise<unknown>;
  close(): void;
}
type Look = (rows: readonly Row[]) => void;

type Channels = { results: TypedChannel<Row> };

async function tidemarkPage(port: number, look: Look): Promise<Page> {
  const client = createClient<Channels, typeof mutations>({
    url: `ws://127.0.0.1:${port}/v2/stream`,
    optimistic: {
      results: { edit: ({ id, value }) => ({ channel: "results", key: id, set: { value } }) },
    },
  });
  const view = client.live({ channel: "results" });
  await new Promise<void>((resolve) => {
    view.subscribe(() => {
      const { rows } = view.getSnapshot();
      look(rows);
      if (rows.length === ROWS) resolve();
    });
  });
  return {
    edit: (id, value) => client.mutate.results.edit({ id, value }),
    close: () => client.close(),
  };
}

/** Follows the library's guide to optimistic updates. */
async function usualPage(port: number, look: Look): Promise<Page> {
  const base = `http://127.0.0.1:${port}`;
  const cache = new QueryClient();
  const queryKey = ["results"];
  const fetchRows = async ({ signal }: { signal: AbortSignal }): Promise<readonly Row[]> =>
    (await (await fetch(`${base}/results`, { signal })).json()) as readonly Row[];
  const observer = new QueryObserver<readonly Row[]>(cache, {
    queryKey,
    queryFn: fetchRows,
    staleTime: 0,
  });
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  const opened = new Promise((resolve) => socket.once("open", resolve));
  await new Promise<void>((resolve) => {
    observer.subscribe(({ data }) => {
      if (data === undefined) return;
      look(data);
      resolve();
    });
  });
  socket.on("message", () => void cache.invalidateQueries({ queryKey }));
  await opened;
  return {
    edit: async (key, value) => {
      await cache.cancelQueries({ queryKey });
      cache.setQueryData<readonly Row[]>(queryKey, (rows) =>
        rows?.map((row) => (row.id === key ? { ...row, value } : row)),
      );
      await fetch(`${base}/results/${key}`, { method: "PATCH", body: JSON.stringify({ value }) });
      await cache.invalidateQueries({ queryKey });
    },
    close: () => {
      socket.terminate();
      cache.clear();
    },
  };
}

const postgres = await startPostgres(18, { fsync: "on" });
const random = seededRandom(4);

async function measure(
  kind: "tidemark" | "usual",
  people: number,
): Promise<readonly (string | number)[]> {
  const url = await postgres.createDatabase(`${kind}_${people}`);
  const { default: pg } = await import("pg");
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`CREATE TABLE results (id text PRIMARY KEY, value text NOT NULL, document text NOT NULL, field text NOT NULL, edited_at timestamptz);
    INSERT INTO results SELECT 'r' || n, 'first', 'INV-' || n || '.pdf', 'net amount', NULL FROM generate_series(0, ${ROWS - 1}) n;
    CREATE TABLE written (number bigint GENERATED ALWAYS AS IDENTITY, id text, value text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO written (id, value) VALUES (NEW.id, NEW.value); RETURN NULL; END';
    CREATE TRIGGER note AFTER UPDATE ON results FOR EACH ROW EXECUTE FUNCTION note();`);
  const server = await startChild("writes-server", [kind, url]);
  const port = await server.ask<number>({ kind: "port" });

  // One user more, who only watches.
  const seen: Map<string, { value: ShownValue; atMs: number }[]>[] = Array.from(
    { length: people + 1 },
    () => new Map(),
  );
  const open = kind === "tidemark" ? tidemarkPage : usualPage;
  const pages = await Promise.all(
    seen.map((own) =>
      open(port, (rows) => {
        const atMs = performance.now();
        for (const { id, value } of rows) {
          const values = own.get(id) ?? [];
          own.set(id, values);
          if (values.at(-1)?.value !== value) values.push({ value, atMs });
        }
      }),
    ),
  );
  await server.ask({ kind: "reset" });

  const edits: Edit[] = [];
  const pending: Promise<unknown>[] = [];
  const endMs = performance.now() + SECONDS * 1_000;
  await Promise.all(
    pages.slice(0, people).map(async (page, by) => {
      // The users start spread over a second, then edit in an open loop, without waiting for
      // answers.
      let dueMs = performance.now() + random.next() * EDIT_EVERY_MS;
      for (let count = 0; dueMs < endMs; count++, dueMs += EDIT_EVERY_MS) {
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
        const edit = {
          key: `r${Math.floor(random.next() * HOT)}`,
          value: `${by}-${count}`,
          atMs: performance.now(),
          by,
        };
        edits.push(edit);
        pending.push(page.edit(edit.key, edit.value).catch(() => {}));
      }
    }),
  );
  await Promise.all(pending);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const { sentBytes, requests, cpuMs } = await server.ask<{
    sentBytes: number;
    requests: number;
    cpuMs: number;
  }>({ kind: "stats" });
  const written = (
    await admin.query<{ id: string; value: string }>(
      "SELECT id, value FROM written ORDER BY number",
    )
  ).rows;

  const ranks = new Map(written.map(({ id, value }, index) => [`${id} ${value}`, index]));
  const shownMs = (who: number, { key, value, atMs }: Edit): number => {
    const rank = ranks.get(`${key} ${value}`) ?? Number.POSITIVE_INFINITY;
    const first = seen[who]
      ?.get(key)
      ?.find(
        (sight) =>
          sight.atMs >= atMs &&
          (sight.value === value || (ranks.get(`${key} ${sight.value}`) ?? -1) >= rank),
      );
    return first === undefined ? Number.POSITIVE_INFINITY : first.atMs - atMs;
  };
  const own = edits.map((edit) => shownMs(edit.by, edit));
  const other = edits.map((edit) => shownMs(people, edit));
  let wrong = 0;
  seen.forEach((sights, who) => {
    for (const [key, values] of sights) {
      const history = [{ value: "first" }, ...written.filter(({ id }) => id === key)];
      if (
        checkHistory(
          values.map(({ value }) => value),
          { history, isOwn: (value) => value.startsWith(`${who}-`), wasRemovalRequested: false },
        ) !== undefined
      )
        wrong++;
    }
  });
  for (const page of pages) page.close();
  await server.stop();
  await admin.end();
  const count = edits.length;
  return [
    `${kind === "tidemark" ? "Tidemark" : "NOTIFY, invalidate, refetch"}, ${people}`,
    count,
    fixed(percentile(own, 0.5)),
    fixed(percentile(other, 0.5), 1),
    fixed(percentile(other, 0.95), 1),
    fixed(percentile(other, 0.99), 1),
    fixed((kind === "tidemark" ? requests + count : requests) / count, 1),
    fixed(sentBytes / count / 1_000, 1),
    fixed(cpuMs / count, 2),
    wrong,
  ];
}

console.log(
  `${ROWS} rows, each person edits one of ${HOT} of them every ${EDIT_EVERY_MS} ms, ${SECONDS} s each; Postgres 18, server and all pages on the same cores\n${await machine()}\n`,
);
const rows: (readonly (string | number)[])[] = [];
for (const people of PEOPLE)
  for (const kind of ["tidemark", "usual"] as const) rows.push(await measure(kind, people));
console.log(
  table(
    [
      "people who edit",
      "edits",
      "own p50 ms",
      "other p50",
      "p95",
      "p99",
      "requests/edit",
      "kB/edit",
      "server CPU ms/edit",
      "rows seen to go back",
    ],
    rows,
  ),
);
console.log(
  "\nOwn: until the page's store shows it; the screen follows with the next frame. Other: until someone who only looks on has it, or a newer value.",
);
await postgres.remove();
process.exit(0);
