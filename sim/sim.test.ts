/**
 * The guarantee under faults: 200 seeds, every kind of fault, and the same trace from the same
 * seed. And the simulator finds bugs: it fails on a source from which one rule was removed. All of
 * it is one file, so that two processes at a time work beside the tests of other files.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FAULTS } from "./faults.ts";
import { MUTATIONS } from "./mutations.ts";
import { run } from "./run.ts";
import { runSimulator, SimulatorBundles, type SimulatorResult } from "./simulator-process.ts";

const SEEDS = 200;
const SEEDS_PER_PROCESS = 10;
const firstSeeds = Array.from(
  { length: SEEDS / SEEDS_PER_PROCESS },
  (_, index) => 1 + index * SEEDS_PER_PROCESS,
);
/** How often each fault struck, in all processes. */
const happened = new Map<string, number>();
let bundles: SimulatorBundles;
let program = "";

beforeAll(async () => {
  bundles = new SimulatorBundles();
  program = await bundles.make("simulator");
});
afterAll(() => bundles.remove());

describe.concurrent(`the simulator with ${SEEDS} seeds`, () => {
  it.for(firstSeeds)(
    `keeps the guarantee for ${SEEDS_PER_PROCESS} from seed %i, and every client converges`,
    { timeout: 400_000 },
    async (seed, { signal }) => {
      const args = ["--seed", String(seed), "--runs", String(SEEDS_PER_PROCESS)];
      const { code, output } = await runSimulator(program, args, signal);
      expect(output, "a failure prints the command that replays it").toContain(
        `${SEEDS_PER_PROCESS} runs passed`,
      );
      expect(code).toBe(0);
      for (const fault of FAULTS) {
        const times = Number(new RegExp(`(\\d+)  ${fault}$`, "m").exec(output)?.[1] ?? 0);
        happened.set(fault, (happened.get(fault) ?? 0) + times);
      }
    },
  );
});

const RUNS = 60;

/** Runs seeds until one fails. */
const untilFailure = (
  mutated: string,
  [seed, runs]: readonly [number, number],
  signal: AbortSignal,
): Promise<SimulatorResult> =>
  runSimulator(mutated, ["--seed", String(seed), "--runs", String(runs), "--no-shrink"], signal);

// With all rules in place the same seeds pass: they are among those above.
describe.concurrent("the simulator without one rule", () => {
  it.for(MUTATIONS.map((mutation, index) => [mutation.rule, mutation, index] as const))(
    "fails: %s",
    { timeout: 240_000 },
    async ([, mutation, index], { signal }) => {
      const mutated = await bundles.make(`mutation-${index}`, mutation);
      const first = await untilFailure(mutated, [mutation.seed ?? 1, 1], signal);
      const { code, output } =
        first.code === 0 ? await untilFailure(mutated, [1, RUNS], signal) : first;
      expect(output).toContain("FAILED at step");
      expect(code).toBe(1);
    },
  );
});

describe("the simulator", () => {
  it("strikes with every kind of fault", () => {
    // A fault that never strikes tests nothing.
    expect(FAULTS.filter((fault) => (happened.get(fault) ?? 0) === 0)).toEqual([]);
    expect(FAULTS.length).toBeGreaterThanOrEqual(25);
  });

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
