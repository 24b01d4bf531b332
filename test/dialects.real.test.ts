/** The program from docs/dialects.md, with the packed package: two dialects and their clients. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { freePort } from "./support/free-port.ts";
import { emptyProject } from "./support/packed-package.ts";
import { PlainSocket } from "./support/plain-socket.ts";
import { snippetsOf } from "./support/snippets.ts";
import { atEnd, stopAll } from "./support/trades-server.ts";

/** Follows the program, and writes what the test says. */
const WRITER = `
process.on("message", ({ upsert, remove }) => {
  const quotes = tidemark.channel("quotes");
  void (upsert === undefined ? quotes.remove(remove) : quotes.upsert(upsert));
});
process.send("listening");
`;

interface TableRows {
  readonly type: string;
  readonly rows: readonly unknown[];
  readonly removes?: readonly unknown[];
}

const rowsOf = ({ messages }: PlainSocket): readonly TableRows[] =>
  (messages as readonly TableRows[]).filter(({ type }) => type === "table_rows");

afterEach(stopAll);

/** Starts the program, and returns what writes into its channel. */
async function start(port: number) {
  const project = emptyProject();
  atEnd(() => project.remove());
  const program = snippetsOf("docs/dialects.md").get("dialects.ts") ?? "";
  writeFileSync(join(project.folder, "dialects.ts"), `${program}${WRITER}`);
  const child = fork(join(project.folder, "dialects.ts"), {
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
    env: { ...process.env, PORT: String(port) },
  });
  atEnd(async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  });
  await once(child, "message");
  return {
    upsert: (row: object) => void child.send({ upsert: row }),
    remove: (key: string) => void child.send({ remove: key }),
  };
}

describe("docs/dialects.md", () => {
  it("speaks table_rows and the heatmap's frames", async () => {
    const port = await freePort();
    const quotes = await start(port);

    const grid = new PlainSocket(`ws://127.0.0.1:${port}/ws/tables`);
    grid.socket.on("open", () => grid.socket.send('{"type":"subscribe","table":"quotes"}'));
    const heat = new PlainSocket(`ws://127.0.0.1:${port}/ws/heatmap?symbol=BTC`);
    await expect
      .poll(() => rowsOf(grid))
      .toEqual([
        {
          type: "table_rows",
          table: "quotes",
          reset: true,
          columns: ["symbol", "venue", "price"],
          rows: [
            ["BTC", "a", 1],
            ["ETH", "a", 2],
          ],
        },
      ]);
    await expect
      .poll(() => heat.messages.slice(0, 2))
      .toEqual([{ cells: [["a", 1]] }, { whole: expect.any(Number) }]);

    quotes.upsert({ symbol: "BTC", venue: "b", price: 3 });
    quotes.remove('["ETH","a"]');
    await expect
      .poll(() =>
        rowsOf(grid)
          .slice(1)
          .flatMap(({ rows }) => rows),
      )
      .toEqual([["BTC", "b", 3]]);
    await expect
      .poll(() => rowsOf(grid).flatMap(({ removes = [] }) => removes))
      .toEqual([["ETH", "a"]]);
    await expect
      .poll(() => heat.messages.filter((frame) => "cells" in (frame as object)))
      .toEqual([{ cells: [["a", 1]] }, { cells: [["b", 3]] }]);

    grid.socket.send('{"type":"unsubscribe","table":"quotes"}');
    grid.socket.send('{"type":"subscribe","table":"nothing"}');
    await expect
      .poll(() => grid.messages.at(-1))
      .toEqual({ type: "error", code: "UNKNOWN_CHANNEL", message: expect.any(String) });
    const before = grid.messages.length;
    quotes.upsert({ symbol: "BTC", venue: "b", price: 4 });
    await expect
      .poll(() => heat.messages.filter((frame) => "cells" in (frame as object)).at(-1))
      .toEqual({ cells: [["b", 4]] });
    expect(grid.messages.length).toBe(before);

    const refused = new PlainSocket(`ws://127.0.0.1:${port}/ws/heatmap`);
    await expect.poll(() => refused.closedWith?.code).toBe(1006);
  });
});
