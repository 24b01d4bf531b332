/**
 * The same refusal for a channel that does not exist and for one that the caller may not see, so
 * that callers can't distinguish them.
 */
import { TidemarkError } from "../std/errors.ts";

export function unknownChannel(name: string): TidemarkError {
  return new TidemarkError(
    "UNKNOWN_CHANNEL",
    `There is no channel "${name}" that you may see here.`,
  );
}
