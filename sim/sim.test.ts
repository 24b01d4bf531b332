/**
 * The guarantee under faults: 200 seeds, every kind of fault, and the same trace from the same
 * seed.
 */
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { FAULTS } from "./faults.ts";
import { run } from "./run.ts";
import { runSimulator } from "./simulator-process.ts";

const SEEDS = 200;
const root = fileURLToPath(new URL("..", import.meta.url));

describe("the simulator", () => {
  it(
    `keeps the guarantee for ${SEEDS} seeds, and every client converges`,
    { timeout: 400_000 },
    async ({ signal }) => {
      const processes = Math.min(4, availableParallelism());
      const share = Math.ceil(SEEDS / processes);
      const results = await Promise.all(
        Array.from({ length: processes }, (_, index) =>
          runSimulator(
            root,
            ["--seed", String(1 + index * share), "--runs", String(share)],
            signal,
          ),
        ),
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
