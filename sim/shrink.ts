/** Finds a smaller run that fails: with fewer kinds of fault, fewer clients and less time. */
import { FAULTS } from "./faults.ts";
import { run, type RunOptions } from "./run.ts";

/** Runs tried, at most. */
const ATTEMPTS_MAX = 120;

export async function shrink(
  options: RunOptions,
  print: (line: string) => void,
): Promise<RunOptions> {
  let attempts = 0;
  let smallest: RunOptions = options;
  const fails = async (candidate: RunOptions): Promise<boolean> => {
    if (++attempts > ATTEMPTS_MAX || (await run(candidate)).failure === undefined) return false;
    smallest = candidate;
    return true;
  };
  const { atMs, clients } = await run(options);
  await fails({ ...smallest, chaosMs: Math.min(atMs + 100, smallest.chaosMs ?? atMs) });
  for (let count = Math.floor(clients / 2); count >= 1; count = Math.floor(count / 2))
    if (!(await fails({ ...smallest, clients: count }))) break;
  let kinds = [...(options.faults ?? FAULTS)];
  for (
    let size = Math.ceil(kinds.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < kinds.length;) {
      const fewer = [...kinds.slice(0, from), ...kinds.slice(from + size)];
      if (await fails({ ...smallest, faults: fewer })) kinds = fewer;
      else from += size;
    }
  }
  for (const share of [0.5, 0.75])
    await fails({ ...smallest, chaosMs: Math.round((smallest.chaosMs ?? atMs) * share) });
  print(
    `The smallest of ${attempts} runs tried: ${smallest.clients ?? clients} clients, ${kinds.length} kinds of fault.`,
  );
  return smallest;
}

/** The command that replays a run. */
export function commandOf({ seed, clients, chaosMs, faults }: RunOptions): string {
  const parts = [`npm run sim -- --seed ${seed}`];
  if (clients !== undefined) parts.push(`--clients ${clients}`);
  if (chaosMs !== undefined) parts.push(`--chaos ${chaosMs}`);
  if (faults !== undefined) parts.push(`--only "${faults.join(",")}"`);
  return parts.join(" ");
}
