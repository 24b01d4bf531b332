/** The groups of limits that `createTidemark({ limits })` takes. */
import { TidemarkError } from "../std/errors.ts";
import type { HistoryLimits } from "../history/limits.ts";
import type { LogLimits } from "../log/limits.ts";
import type { ViewLimits } from "../table/limits.ts";
import type { IngestLimits } from "./ingest-limits.ts";
import type { ServerLimits } from "./limits.ts";

/** All limits of a server that users can set. */
export interface Limits {
  readonly server?: Partial<ServerLimits>;
  readonly views?: Partial<ViewLimits>;
  /** Limits of the log in memory. */
  readonly log?: Partial<LogLimits>;
  readonly history?: Partial<HistoryLimits>;
  readonly ingest?: Partial<IngestLimits>;
}

const GROUPS = [
  "server",
  "views",
  "log",
  "history",
  "ingest",
] as const satisfies readonly (keyof Limits)[];

/**
 * A misspelt group, or a limit outside of its group, would otherwise be ignored silently.
 * @throws TidemarkError `BAD_OPTION`
 */
export function checkLimitGroups(given: Limits | undefined): void {
  for (const name of Object.keys(given ?? {}))
    if (!GROUPS.some((group) => group === name))
      throw new TidemarkError(
        "BAD_OPTION",
        `There is no limits.${name}. Limits are in groups: ${GROUPS.map((group) => `limits.${group}`).join(", ")}.`,
      );
}
