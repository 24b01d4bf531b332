import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
