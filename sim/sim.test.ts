/** The guarantee under faults: 200 seeds, every kind of fault, and the same trace from the same seed. */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FAULTS } from "./faults.ts";
import { run } from "./run.ts";

const SEEDS = 200;
const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs a share of the seeds in its own process. */
function simulate(
  seed: number,
  runs: number,
): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      ["--import", "tsx", "sim/main.ts", "--seed", String(seed), "--runs", String(runs)],
      { cwd: root },
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk) => (output += String(chunk)));
    child.on("exit", (code) => resolve({ code, output }));
  });
}

describe("the simulator", () => {
  it(
    `keeps the guarantee for ${SEEDS} seeds, and every client converges`,
    { timeout: 400_000 },
    async () => {
      const processes = Math.min(4, availableParallelism());
      const share = Math.ceil(SEEDS / processes);
      const results = await Promise.all(
        Array.from({ length: processes }, (_, index) => simulate(1 + index * share, share)),
      );
      for (const { output } of results)
        expect(output, "a failure prints the command that replays it").toContain(
          `${share} runs passed`,
        );
      expect(results.map(({ code }) => code)).toEqual(results.map(() => 0));
      // A fault that never strikes tests nothing.
      const happened = (fault: string): number =>
        results.reduce(
          (sum, { output }) =>
            sum + Number(new RegExp(`(\\d+)  ${fault}$`, "m").exec(output)?.[1] ?? 0),
          0,
        );
      expect(FAULTS.filter((fault) => happened(fault) === 0)).toEqual([]);
      expect(FAULTS.length).toBeGreaterThanOrEqual(25);
    },
  );

  it("gives the same trace for the same seed", { timeout: 30_000 }, async () => {
    const options = { seed: 17, clients: 12, chaosMs: 4_000 };
    const [first, second, other] = [
      await run(options),
      await run(options),
      await run({ ...options, seed: 18 }),
    ];
    expect([second.traceHash, second.step, second.checks]).toEqual([
      first.traceHash,
      first.step,
      first.checks,
    ]);
    expect(other.traceHash).not.toBe(first.traceHash);
  });
});
