/** Runs targets until a time or a number of inputs is reached; a failure says how to replay it. */
import { performance } from "node:perf_hooks";
import { seededRandom } from "../src/std/random.ts";
import { Generator } from "./generator.ts";
import type { MakeTarget } from "./targets.ts";

export interface FuzzResult {
  readonly name: string;
  readonly inputs: number;
  readonly ms: number;
}

/** Inputs per seed; a replay finds a failure within so many. */
const INPUTS_PER_SEED = 4_000;

/** @throws when a check fails, with the seed in the message */
export async function fuzz(
  make: MakeTarget,
  options: { readonly seed: number; readonly inputsMax: number; readonly msMax: number },
): Promise<FuzzResult> {
  const beganMs = performance.now();
  let inputs = 0;
  let name = "";
  for (
    let seed = options.seed;
    inputs < options.inputsMax && performance.now() - beganMs < options.msMax;
    seed++
  ) {
    const target = await make(new Generator(seededRandom(seed)));
    name = target.name;
    try {
      for (
        let done = 0;
        done < INPUTS_PER_SEED &&
        inputs < options.inputsMax &&
        performance.now() - beganMs < options.msMax;
        done += target.batch
      ) {
        await target.run(target.batch);
        inputs += target.batch;
      }
    } catch (error) {
      throw new Error(
        `${target.name} failed. Replay: npm run fuzz -- --target ${target.name} --seed ${seed}`,
        { cause: error },
      );
    } finally {
      await target.stop?.();
    }
  }
  return { name, inputs, ms: performance.now() - beganMs };
}
