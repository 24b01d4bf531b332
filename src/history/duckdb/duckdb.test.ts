import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { historyConformance } from "../conformance.ts";
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
