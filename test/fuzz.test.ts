/**
 * Runs each fuzzer for a short time, from a fixed seed. `npm run fuzz -- --minutes N` runs longer.
 */
import { describe, expect, it } from "vitest";
import { fuzz } from "../fuzz/run.ts";
import { frames, http, queries, tokens } from "../fuzz/targets.ts";

describe("fuzzing", () => {
  it.each([
    ["frames", frames, 6_000],
    ["queries", queries, 6_000],
    ["tokens", tokens, 10_000],
    ["http", http, 1_500],
  ] as const)(
    "%s are accepted, or refused with a proper error",
    async (_name, make, inputsMax) => {
      const { inputs } = await fuzz(make, { seed: 1, inputsMax, msMax: 60_000 });
      expect(inputs).toBeGreaterThanOrEqual(inputsMax);
    },
    90_000,
  );
});
