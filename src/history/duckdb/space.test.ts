/** The file does not grow with rows that retention forgets. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { declareChannel } from "../../log/channel.ts";
import type { HistoryEntry } from "../history.ts";
import { duckdb } from "./index.ts";

const ROWS = 5_000;
const NOTE = "x".repeat(400);

it("uses the space of forgotten rows again", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-space-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "history.duckdb");
  const store = duckdb(file);
  await store.open();
  onTestFinished(() => store.close());
  const channel = declareChannel({
    name: "notes",
    key: ["id"],
    columns: [
      { name: "id", type: "text" },
      { name: "note", type: "text" },
    ],
    bounds: { rowsMax: 10 },
    history: { appendOnly: true, keepRows: ROWS },
  });
  await store.declare({ channel, source: undefined });
  const sizes: number[] = [];
  for (let round = 1; round <= 10; round++) {
    const entries = Array.from({ length: ROWS }, (_, index): HistoryEntry => {
      const key = `${round}-${index}`;
      const row = { id: key, note: `${Math.random()} ${NOTE}` };
      const point = { channel: "notes", key, seq: round, timeMs: round };
      return { ...point, kind: "upsert", row, json: JSON.stringify(row) };
    });
    await store.write({
      after: round - 1,
      seq: round,
      timeMs: round,
      entries,
      sourcePositions: [],
      requestIds: [],
    });
    await store.trim(channel, round);
    await store.close();
    await store.open();
    sizes.push(statSync(file).size);
  }
  const [, , third = 0] = sizes;
  expect((await store.span("notes")).rows).toBeLessThanOrEqual(2 * ROWS);
  expect(Math.max(...sizes.slice(3)), sizes.join(" ")).toBeLessThanOrEqual(third * 2);
});
