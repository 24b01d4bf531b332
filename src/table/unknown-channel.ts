/** The one refusal for a channel that is not there and for one that the caller may not see: they can't be told apart. */
import { TidemarkError } from "../std/errors.ts";

export function unknownChannel(name: string): TidemarkError {
  return new TidemarkError(
    "UNKNOWN_CHANNEL",
    `There is no channel "${name}" that you may see here.`,
  );
}
