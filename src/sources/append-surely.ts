/** Appends that are repeated until the log takes them, for changes that do not come again. */
import { TidemarkError } from "../std/errors.ts";
import type { Pauses } from "./pauses.ts";
import type { SourceContext, SourceDraft } from "./source.ts";

export interface AppendRetries {
  readonly context: SourceContext;
  /** The source's name, for operators. */
  readonly source: string;
  /** First and longest pause between two attempts, in milliseconds. */
  readonly baseMs: number;
  readonly capMs: number;
  /** Ended when the source stops. */
  readonly pauses: Pauses;
  readonly isStopped: () => boolean;
}

/**
 * @throws TidemarkError `SUPERSEDED` when another reader appends for the source; `STOPPED` when
 * the source has been stopped
 */
export async function appendSurely(
  draft: SourceDraft,
  { context, source, baseMs, capMs, pauses, isStopped }: AppendRetries,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    if (isStopped()) throw new TidemarkError("STOPPED", "The source has been stopped.");
    try {
      await context.append(draft);
      return;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === "SUPERSEDED") throw error;
      context.logger.warn({ source, err: error }, "rows could not be appended; trying again");
      await pauses.pause(context.clock, Math.min(capMs, baseMs * 2 ** attempt));
    }
  }
}
