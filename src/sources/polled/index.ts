/** The entry point `tidemark/polled`: queries as live tables. */
import type { Source } from "../source.ts";
import type { PolledOptions } from "./options.ts";
import { PolledSource } from "./polled-source.ts";

export type { PolledLimits } from "./limits.ts";
export type { PolledOptions, PolledParameters, PolledRun } from "./options.ts";
export { inWorker } from "./in-worker.ts";

/**
 * A channel whose rows are the result of a query, or of a function, that runs each `every`
 * milliseconds while somebody watches. Only rows that differ from the last result are sent.
 * @throws TidemarkError `BAD_OPTION`
 */
export function polled(options: PolledOptions): Source {
  return new PolledSource(options);
}
