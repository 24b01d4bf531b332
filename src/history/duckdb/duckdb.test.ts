import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { historyConformance } from "../conformance.ts";
import { declareChannel } from "../../log/channel.ts";
import type { HistoryEntry } from "../history.ts";
import { duckdb } from "./index.ts";

const folder = mkdtempSync(join(tmpdir(), "tidemark-duckdb-"));
const file = join(folder, "history.duckdb");
const store = () => Promise.resolve(duckdb(file, { memoryLimit: "256MB" }));

historyConformance("duckdb", {
  create: store,
  again: store,
  dispose: () => Promise.resolve(rmSync(folder, { recursive: true, force: true })),
});

it("refuses the one file name whose tables DuckDB can't tell from its schema", async () => {
  const named = duckdb(join(tmpdir(), "Tidemark.duckdb"));
  await expect(named.open()).rejects.toMatchObject({
    code: "BAD_OPTION",
    message: expect.stringContaining("history.duckdb") as string,
  });
});

it("is closed for other processes, too, after a scan that was not read to its end", async () => {
  const own = mkdtempSync(join(tmpdir(), "tidemark-duckdb-"));
  onTestFinished(() => rmSync(own, { recursive: true }));
  const scanned = join(own, "history.duckdb");
  const opened = duckdb(scanned);
  await opened.open();
  const notes = declareChannel({ name: "notes", key: ["id"], history: {} });
  await opened.declare({ channel: notes, source: undefined });
  const entries = ["a", "b"].map((key): HistoryEntry => {
    return { kind: "upsert", channel: "notes", key, json: `{"id":"${key}"}`, seq: 1, timeMs: 1 };
  });
  await opened.write({
    after: 0,
    seq: 1,
    timeMs: 1,
    entries,
    sourcePositions: [],
    requestIds: [],
  });
  for await (const rows of opened.scan({ channel: notes, asOf: 1 })) {
    expect(rows).toHaveLength(2);
    break;
  }
  await opened.close();
  const other = [
    'import { DuckDBInstance } from "@duckdb/node-api";',
    "(await DuckDBInstance.create(process.argv[1])).closeSync();",
  ].join("\n");
  execFileSync(process.execPath, ["--input-type=module", "-e", other, scanned]);
});

it("makes a file of small blocks, which a later start with other options keeps", async () => {
  const own = mkdtempSync(join(tmpdir(), "tidemark-duckdb-"));
  onTestFinished(() => rmSync(own, { recursive: true }));
  const small = join(own, "history.duckdb");
  for (const options of [{ blockBytes: 16 * 1_024 }, {}]) {
    const opened = duckdb(small, options);
    await opened.open();
    const rows = await opened.query("SELECT block_size FROM pragma_database_size()")();
    expect(rows).toEqual([{ block_size: 16 * 1_024 }]);
    await opened.close();
  }
});

it("refuses blocks of a size that DuckDB does not have", async () => {
  const odd = duckdb(join(tmpdir(), "odd.duckdb"), { blockBytes: 20_000 });
  await expect(odd.open()).rejects.toMatchObject({
    code: "BAD_OPTION",
    message: expect.stringContaining("16384, 32768") as string,
  });
});
