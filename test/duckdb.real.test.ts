/** A DuckDB file survives the death of its process, and has one process at a time. */
import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { duckdb } from "../src/history/duckdb/index.ts";
import { seededRandom } from "../src/std/random.ts";
import { CHANNELS, entriesOf } from "./support/history-script.ts";

/** `HISTORY_KILLS=200` for a long run. */
const KILLS = Number(process.env["HISTORY_KILLS"] ?? 5);
const WRITER = fileURLToPath(new URL("support/duckdb-writer.ts", import.meta.url));

interface Message {
  readonly seq?: number;
  readonly code?: string;
}

/** Starts a writer, and resolves with its last message when `isLast` says so and it is dead. */
function runWriter(file: string, isLast: (count: number) => boolean): Promise<Message> {
  return new Promise((resolve) => {
    const writer = fork(WRITER, [file], { execArgv: ["--import", "tsx"] });
    let last: Message = {};
    let count = 0;
    writer.on("message", (message: Message) => {
      // What arrives after the kill was durable too.
      last = message;
      if (isLast(++count)) writer.kill("SIGKILL");
    });
    writer.on("close", () => resolve(last));
  });
}

it(
  "holds every durable batch, and of none a part, after kill -9 at any time",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-duckdb-kill-"));
    const file = join(folder, "history.duckdb");
    const random = seededRandom(Number(process.env["HISTORY_SEED"] ?? 1));
    const channels = CHANNELS.map(({ name }) => name);
    let checked = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const messages = 1 + Math.floor(random.next() * 12);
      const { seq: durable = 0 } = await runWriter(file, (count) => count === messages);
      const store = duckdb(file);
      const state = await store.open();
      expect(state.seq).toBeGreaterThanOrEqual(durable);
      expect(state).toMatchObject({
        timeMs: state.seq * 10,
        sourcePositions: [["script", String(state.seq)]],
      });
      expect(state.requestIds.at(-1)).toBe(`request ${state.seq}`);
      const query = { channels, after: checked, through: state.seq + 100, entriesMax: 1_000_000 };
      const { entries } = await store.changes(query);
      const expected = Array.from({ length: state.seq - checked }, (_, index) =>
        entriesOf(checked + 1 + index),
      ).flat();
      expect(entries).toEqual(expected);
      checked = state.seq;
      await store.close();
    }
    rmSync(folder, { recursive: true });
  },
  KILLS * 20_000,
);

it("refuses a second process by name, and a second store in one process", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidemark-duckdb-"));
  const file = join(folder, "history.duckdb");
  const store = duckdb(file);
  await store.open();
  await expect(duckdb(file).open()).rejects.toMatchObject({ code: "HISTORY_IN_USE" });
  expect(await runWriter(file, () => false)).toEqual({ code: "HISTORY_IN_USE" });
  await store.close();
  rmSync(folder, { recursive: true });
});
