/** Takes the program from docs/dialects.md, compiles it and runs it with the built package. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { freePort } from "./support/free-port.ts";
import { PlainSocket } from "./support/plain-socket.ts";
import { atEnd, stopAll } from "./support/trades-server.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const page = readFileSync(new URL("../docs/dialects.md", import.meta.url), "utf8");
const program = /```ts\n\/\/ dialects\.ts\n([\s\S]*?)```/.exec(page)?.[1] ?? "";

interface Program {
  channel(name: string): {
    upsert(row: object): Promise<number>;
    remove(key: string): Promise<number>;
  };
  stop(): Promise<void>;
}

interface TableRows {
  readonly type: string;
  readonly rows: readonly unknown[];
  readonly removes?: readonly unknown[];
}

const rowsOf = ({ messages }: PlainSocket): readonly TableRows[] =>
  (messages as readonly TableRows[]).filter(({ type }) => type === "table_rows");

afterEach(stopAll);

describe("docs/dialects.md", () => {
  it("speaks table_rows and the heatmap's frames", async () => {
    const folder = mkdtempSync(join(here, ".dialects-"));
    atEnd(() => rmSync(folder, { recursive: true, force: true }));
    // Stands for an installed package.
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(join(here, ".."), join(folder, "node_modules", "tidemark"));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          target: "es2023",
          module: "nodenext",
          strict: true,
          skipLibCheck: true,
          types: ["node"],
          typeRoots: [join(here, "../node_modules/@types")],
        },
      }),
    );
    writeFileSync(join(folder, "dialects.ts"), program);
    execFileSync(
      process.execPath,
      [join(here, "../node_modules/typescript/bin/tsc"), "--noEmit", "-p", folder],
      { stdio: "pipe" },
    );
    // Exports the server, so that the test can write rows and stop it.
    writeFileSync(join(folder, "dialects.ts"), `${program}\nexport { tidemark };\n`);
    const port = await freePort();
    process.env["PORT"] = String(port);
    const { tidemark } = (await import(join(folder, "dialects.ts"))) as { tidemark: Program };
    atEnd(() => tidemark.stop());
    const quotes = tidemark.channel("quotes");

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

    await quotes.upsert({ symbol: "BTC", venue: "b", price: 3 });
    await quotes.remove('["ETH","a"]');
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
    await quotes.upsert({ symbol: "BTC", venue: "b", price: 4 });
    await expect
      .poll(() => heat.messages.filter((frame) => "cells" in (frame as object)).at(-1))
      .toEqual({ cells: [["b", 4]] });
    expect(grid.messages.length).toBe(before);

    const refused = new PlainSocket(`ws://127.0.0.1:${port}/ws/heatmap`);
    await expect.poll(() => refused.closedWith?.code).toBe(1006);
  });
});
