/** Checks the names in `policies`, once all channels are declared. */
import { TidemarkError } from "../std/errors.ts";
import type { Replica } from "../table/replica.ts";
import type { TidemarkOptions } from "./options.ts";

/**
 * A misspelt name would leave the intended table without a policy. @throws TidemarkError
 * `BAD_OPTION`
 */
export function checkPolicies(
  { channels, policies = {} }: Pick<TidemarkOptions, "channels" | "policies">,
  replica: Replica,
): void {
  for (const name of Object.keys(policies)) {
    if (channels?.[name]?.policy !== undefined)
      throw new TidemarkError(
        "BAD_OPTION",
        `Channel "${name}" has a policy in its declaration and another in policies. Keep one.`,
      );
    if (replica.table(name) !== undefined) continue;
    const known = Array.from(replica.tables, ({ channel }) => `"${channel.name}"`)
      .slice(0, 20)
      .join(", ");
    throw new TidemarkError(
      "BAD_OPTION",
      `policies has the channel "${name}", which no source has declared. Declared channels: ${known || "none"}.`,
    );
  }
}
