/** The change log of tables that nobody instrumented: what they were before each change. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createPGlite } from "../../../test/support/pglite.ts";
import { hasPostgres, startPostgres, withClient } from "../../../test/support/postgres-server.ts";
import { silent } from "../../../test/support/silent.ts";
import { atEnd, stopAll } from "../../../test/support/trades-server.ts";
import { duckdb } from "../../history/duckdb/index.ts";
import type { HistoryEntry } from "../../history/history.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { postgres, type DatabaseAddress, type PostgresOptions } from "./index.ts";

interface HistoryAnswer {
  readonly complete_through: number;
  readonly rows: readonly object[];
  readonly seqs: readonly number[];
}

interface Database {
  readonly address: DatabaseAddress;
  readonly query: (text: string) => Promise<readonly object[]>;
}

async function createDatabase(): Promise<Database> {
  if (!hasPostgres(18)) {
    const pglite = await createPGlite();
    atEnd(() => pglite.close());
    return { address: pglite, query: async (text) => (await pglite.query<object>(text)).rows };
  }
  const server = await startPostgres(18);
  atEnd(() => server.remove());
  const address = await server.createDatabase("history");
  const query = (text: string): Promise<readonly object[]> =>
    withClient(address, async (client) => (await client.query<object>(text)).rows);
  return { address, query };
}

/** A server over the tables, with its history in a file. */
async function serve(
  address: DatabaseAddress,
  file: string,
  options: PostgresOptions = { history: (channel) => channel === "notes" },
) {
  const tidemark = createTidemark({
    sources: [postgres(address, options)],
    history: duckdb(file),
    logger: silent,
  });
  const { url } = await tidemark.listen({ port: 0 });
  const history = async (asOf?: number, channel = "notes"): Promise<HistoryAnswer> => {
    const query = { channel, order_by: [{ column: "id" }] };
    const body = JSON.stringify({ query, ...(asOf !== undefined && { as_of: asOf }) });
    const response = await fetch(`${url}/v2/history`, { method: "POST", body });
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as HistoryAnswer;
  };
  return { history, stop: () => tidemark.stop() };
}

/** Everything that the file holds of the table. */
async function entriesIn(file: string): Promise<readonly HistoryEntry[]> {
  const store = duckdb(file);
  const { seq } = await store.open();
  const query = { channels: ["notes"], after: 0, through: seq, entriesMax: 100_000 };
  const { entries } = await store.changes(query);
  await store.close();
  return entries;
}

let database: Database;
beforeAll(async () => {
  database = await createDatabase();
});
afterAll(stopAll);

it("gives each table as it was before each change, and a restart writes only what differs", async () => {
  const { address, query } = database;
  const folder = mkdtempSync(join(tmpdir(), "tidemark-pg-history-"));
  atEnd(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "history.duckdb");
  await query("CREATE TABLE notes (id int PRIMARY KEY, body text, done bool NOT NULL)");
  await query("INSERT INTO notes SELECT n, 'note ' || n, false FROM generate_series(1, 20) n");
  await query("CREATE TABLE plain (id int PRIMARY KEY)");
  let server = await serve(address, file);
  const moments: {
    readonly what: string;
    readonly seq: number;
    readonly rows: readonly object[];
  }[] = [];
  /** Notes the table as it is, once history has it. */
  const note = async (what: string): Promise<void> => {
    const rows = await query("SELECT * FROM notes ORDER BY id");
    await expect.poll(async () => (await server.history()).rows).toEqual(rows);
    moments.push({ what, seq: (await server.history()).complete_through, rows });
  };
  const expectMoments = async (): Promise<void> => {
    for (const { what, seq, rows } of moments)
      expect((await server.history(seq)).rows, what).toEqual(rows);
  };
  const restart = async (): Promise<readonly HistoryEntry[]> => {
    await server.stop();
    const entries = await entriesIn(file);
    server = await serve(address, file);
    return entries;
  };

  await note("the first copy");
  await query("UPDATE notes SET done = true WHERE id <= 3");
  await note("an update");
  await query("DELETE FROM notes WHERE id = 2");
  await note("a delete");
  await query("UPDATE notes SET id = 100 WHERE id = 1");
  await note("another key");
  await expectMoments();
  await expect(server.history(undefined, "plain")).rejects.toThrow("NO_HISTORY");

  const { seqs } = await server.history();
  const before = await restart();
  await note("a restart");
  expect((await server.history()).seqs).toEqual(seqs);
  await expectMoments();
  expect(await restart()).toEqual(before);

  await note("a second restart");
  await server.stop();
  await query("UPDATE notes SET body = NULL WHERE id = 4");
  await query("DELETE FROM notes WHERE id = 5");
  server = await serve(address, file);
  await note("changes while nobody reads");
  await expectMoments();
  const after = await restart();
  expect(after.slice(before.length).map(({ kind, key }) => `${kind} ${key}`)).toEqual([
    "upsert 4",
    "remove 5",
  ]);

  await query("TRUNCATE notes");
  await note("a truncate");
  await query("INSERT INTO notes VALUES (7, 'again', true)");
  await note("a row after it");
  await server.stop();
  await query("ALTER TABLE notes ADD COLUMN stars int NOT NULL DEFAULT 5");
  server = await serve(address, file);
  await note("a new column");
  await expectMoments();
  await server.stop();
});

it("does not start where no store is set", async () => {
  const { address, query } = database;
  await query("CREATE TABLE bare (id int PRIMARY KEY)");
  const sources = [postgres(address, { history: { keepMs: 60_000 } })];
  const tidemark = createTidemark({ sources, logger: silent });
  atEnd(() => tidemark.stop());
  await expect(tidemark.listen({ port: 0 })).rejects.toMatchObject({ code: "BAD_OPTION" });
});
